"""
Tests whether the tests detect changes to the core modules: `make mutants`.

The mutations are mutmut's, but it does not run them: it leaves decorated functions out,
has neither samples nor reasons for survivors, and forks a process with event loops.
"""

from __future__ import annotations

import argparse
import itertools
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutations import Mutant, mutants


ROOT = Path(__file__).parents[2]
CORE = tomllib.loads((Path(__file__).parent / "core.toml").read_text())
QUICK = [
    "--hypothesis-profile=mutants-quick",
    "--timeout=30",
    *("-m", "not slow and not needs"),
]
ALL = ["--hypothesis-profile=mutants"]
_SECONDS = itertools.count(1)

WANTED = 0.9
"""The part of the mutants that tests have to detect, apart from the equivalent ones."""


@dataclass(frozen=True)
class Copy:
    """A copy of the project, in which one process runs tests at a time."""

    folder: Path

    def fails(
        self, files: list[str], seconds: float | None, options: list[str]
    ) -> bool:
        """Return whether a test of `files` fails, or they take longer than `seconds`."""
        with subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"),
                *(*options, *files),
            ],
            cwd=self.folder,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                return process.wait(seconds) != 0
            except subprocess.TimeoutExpired:
                process.kill()
                return True

    def survives(self, mutant: Mutant, limits: list[float]) -> bool:
        """Return whether no test detects `mutant`; the quick tests run first."""
        path = self.folder / "exporter" / f"{mutant.module}.py"
        files = CORE["tests"][mutant.module]
        path.write_text(mutant.mutated)
        # Compiled files are recognized by the size and modification time of their
        # source.
        second = next(_SECONDS)
        os.utime(path, (second, second))
        try:
            stages = zip((QUICK, ALL), limits, strict=True)
            return not any(
                self.fails(files, seconds, options) for options, seconds in stages
            )
        finally:
            path.write_text(mutant.source)


def main() -> int:
    """Print the mutants that survive; return 1 if they are more than one in ten."""
    options = _options()
    chosen = [name for name in CORE["tests"] if options.module in name]
    with tempfile.TemporaryDirectory() as folder:
        copies = [_copy(Path(folder) / str(n)) for n in range(options.jobs)]
        results = [_try(name, copies, options) for name in chosen]
    noticed, tried = (sum(numbers) for numbers in zip(*results, strict=True))
    print(f"{noticed} of {tried} mutants noticed")
    return int(noticed < WANTED * tried)


def _try(module: str, copies: list[Copy], options) -> tuple[int, int]:
    started = time.monotonic()
    limits = [_limit(module, copies[0], options) for options in (QUICK, ALL)]
    sample = _sample(module, options)
    free: queue.Queue[Copy] = queue.Queue()
    for copy in copies:
        free.put(copy)

    def survives(mutant: Mutant) -> bool:
        copy = free.get()
        try:
            survived = copy.survives(mutant, limits)
        finally:
            free.put(copy)
        if survived:
            print(mutant.diff, flush=True)
        return survived

    with ThreadPoolExecutor(len(copies)) as pool:
        outcomes = list(pool.map(survives, sample))
    noticed = outcomes.count(False)
    seconds = time.monotonic() - started
    print(f"{module}: {noticed} of {len(sample)} in {seconds:.0f} s", flush=True)
    return noticed, len(sample)


def _limit(module: str, copy: Copy, options: list[str]) -> float:
    """Return the timeout for the tests of a mutant, in seconds."""
    started = time.monotonic()
    if copy.fails(CORE["tests"][module], None, options):
        sys.exit(f"{module}: its tests fail as it is")
    return 20 + 3 * (time.monotonic() - started)


def _sample(module: str, options) -> list[Mutant]:
    source = (ROOT / "exporter" / f"{module}.py").read_text()
    equivalent = {
        (entry["from"], entry["to"])
        for entry in CORE.get("equivalent", ())
        if entry["module"] == module
    }
    found = [
        mutant
        for mutant in mutants(module, source)
        if (mutant.removed, mutant.added) not in equivalent
    ]
    chance = random.Random(f"{options.seed} {module}")
    return chance.sample(found, min(options.sample or len(found), len(found)))


def _copy(folder: Path) -> Copy:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return Copy(folder)


def _options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--module", default="", help="only modules with this in their name"
    )
    parser.add_argument("--sample", type=int, help="how many of each; else all")
    parser.add_argument("--seed", default="0", help="another seed takes other samples")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
