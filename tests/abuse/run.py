"""
Runs real exporters under one fault after the other, and measures what still works.

Prints a row of a Markdown table for each fault. Everything is bounded in number and
time, stays on this machine, and is observed from outside: command line, HTTP, signals,
/proc. Health is checked ten times a second, and has to answer within 5 s: this and the
other limits allow for a busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import traceback

from pathlib import Path

from tests.abuse import answers, files, listener, load  # noqa: F401 - they add faults
from tests.abuse.experiment import FAULTS, Fault, Outcome


MAX_SECONDS = 90.0


async def measured(fault: Fault) -> Outcome:
    """Return the outcome of a fault, also if it fails or takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            async with asyncio.timeout(MAX_SECONDS):
                return await fault.run(Path(folder))
        except TimeoutError:
            return Outcome("-", False, f"not over after {MAX_SECONDS:.0f} s")
        except (RuntimeError, OSError, LookupError, ValueError, TypeError) as error:
            traceback.print_exc()
            return Outcome("-", False, f"{type(error).__name__}: {error}")


def main() -> None:
    """Try all faults, or the named ones; exit status 1 if one is not ok."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    names = parser.parse_args().faults or list(FAULTS)
    if unknown := set(names) - set(FAULTS):
        parser.error(f"no such faults: {', '.join(unknown)}; there are {list(FAULTS)}")
    print("| fault | what still works | figures | |\n| --- | --- | --- | --- |")
    bad = 0
    for name in names:
        outcome = asyncio.run(measured(FAULTS[name]))
        bad += not outcome.ok
        works = outcome.works if outcome.ok else "see the figures"
        print(
            f"| `{name}`: {FAULTS[name].words} | {works} | {outcome.figures} "
            f"| {'ok' if outcome.ok else 'NOT ok'} |",
            flush=True,
        )
    busy = "/".join(f"{one:.1f}" for one in os.getloadavg())
    print(
        f"\n{len(names) - bad} of {len(names)} ok; {os.cpu_count()} processors, load {busy}",
        file=sys.stderr,
    )
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
