"""
Writes rules with other thresholds than the shipped ones.

Run as `python -m deploy.rules --max-job-duration 5d`, or as `make rules ARGS=…`.
"""

from __future__ import annotations

import argparse
import re
import sys

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from deploy.rules.files import rule_files
from deploy.rules.values import VALUES, Chosen, Form


def main(arguments: Sequence[str]) -> None:
    """Write the files."""
    parser = _parser()
    given: Mapping[str, str | list[str] | None] = vars(parser.parse_args(arguments))
    texts = {name: text for name, text in given.items() if isinstance(text, str)}
    folder = Path(texts.pop("output"))
    labels, waits = given["project_label"], given["for"]
    try:
        files = rule_files(
            Chosen(texts),
            labels if isinstance(labels, list) else ("team",),
            _waits(waits if isinstance(waits, list) else ()),
        )
    except ValueError as error:
        parser.error(str(error))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    sys.stdout.write(f"{len(files)} files in {folder}\n")


def _waits(pairs: Iterable[str]) -> dict[str, str]:
    waits = {}
    for pair in pairs:
        alert, _, wait = pair.partition("=")
        if not re.fullmatch(Form.DURATION.value, wait):
            raise ValueError(f"for {alert}: {wait!r} is no duration")
        waits[alert] = wait
    return waits


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make rules", description="Rules for Prometheus with your own thresholds."
    )
    parser.add_argument("--output", default="build/rules", help="the folder to write")
    parser.add_argument(
        "--project-label",
        action="append",
        metavar="LABEL",
        help="a configured label that alerts about a project get, repeatable; default: team",
    )
    parser.add_argument(
        "--for",
        action="append",
        metavar="ALERT=DURATION",
        help="for how long an alert's condition has to be true, repeatable",
    )
    for value in VALUES:
        words = f"{value.meaning}; default: {value.default}".replace("%", "%%")
        parser.add_argument(
            value.flag, metavar=value.form.name, help=words, default=value.default
        )
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
