"""Unusual configuration files: surrogates, no regular file, too large, repaired."""

from __future__ import annotations

import os
import signal

from pathlib import Path

from exporter.simulator import DEMO_USER

from .clouds import MEBIBYTE, PASSWORD, simulated
from .experiment import Experiment, Outcome, abused, fault, request, run


@fault("surrogates", 'a configuration with "\\ud800", a variable with byte 0xFF')
async def surrogates(folder: Path) -> Outcome:
    """Check such configurations, and serve those that pass."""
    environment = {**os.environ, "ODD": "a\udcffb"}
    changes = {
        "name": ("name: p001", 'name: "p\\ud800"'),
        "label": ("training_api: v1}", 'training_api: v1, labels: {team: "\\ud800"}}'),
        "cloud": ("region: eu-de", 'region: "\\ud800"'),
        "variable": ("region: eu-de", 'region: "${ODD}"'),
    }
    words, ok = [], True
    async with simulated(folder, 1) as (_, file):
        good = file.read_text()
        for where, (old, new) in changes.items():
            file.write_text(good.replace(old, new))
            check = await run(
                "--config.check",
                f"--config.file={file}",
                seconds=20,
                environment=environment,
            )
            ok &= check.is_clean and check.status == 2 and check.lines == 1
            words.append(f"{where}: {check}")
            if check.status == 0:
                async with abused(file, environment=environment) as experiment:
                    words[-1] += f", /metrics {(await experiment.scrape(5)).status}"
    return Outcome("-", ok, f"--config.check: {'; '.join(words)}")


@fault("file", "a configuration file that is a FIFO, or has 5 MiB")
async def odd_files(folder: Path) -> Outcome:
    """Check both."""
    fifo, large = folder / "fifo.yml", folder / "large.yml"
    os.mkfifo(fifo)
    async with simulated(folder, 1) as (_, file):
        large.write_text(file.read_text() + "# much\n" * (5 * MEBIBYTE // 7 + 1))
        ended = [
            await run("--config.check", f"--config.file={one}", seconds=10)
            for one in (fifo, large)
        ]
    words = [
        f"{name}: {one}, {one.seconds:.1f} s, {one.lines} lines"
        for name, one in zip(("FIFO", "5 MiB"), ended, strict=True)
    ]
    ok = all(
        one.is_clean and one.status == 2 and one.lines == 1 and one.seconds < 5
        for one in ended
    )
    return Outcome("-", ok, "; ".join(words))


@fault("repaired-password", "a rejected password that was repaired, and a reload")
async def repaired_password(folder: Path) -> Outcome:
    """Repair it in the cloud: once before a POST, once before SIGHUP."""
    words, ok = [], True
    for method in ("POST /-/reload", "SIGHUP"):
        async with simulated(folder, 4, auth=PASSWORD) as (cloud, file):
            (user,) = cloud.identity.users
            user.password = "another"
            async with abused(file) as experiment:
                await experiment.scrape(5)
                first = user.wrong
                await _reload(experiment, method)
                await experiment.scrape(5)
                again = user.wrong - first
                user.password = DEMO_USER.password
                await _reload(experiment, method)
                scrapes = await experiment.scrapes_until_complete(8, seconds=5)
                outcome = experiment.outcome(
                    scrapes is not None and first == 1 and again == 1, "", ""
                )
        ok &= outcome.ok
        words.append(
            f"{method}: sent {first} time, after a reload {again} more; repaired and "
            f"reloaded: complete at scrape {scrapes}"
        )
    return Outcome("all projects, from the reload on", ok, "; ".join(words))


async def _reload(experiment: Experiment, method: str) -> None:
    if method == "SIGHUP":
        experiment.exporter.process.send_signal(signal.SIGHUP)
    else:
        await request(experiment.exporter, "/-/reload", method="POST")
