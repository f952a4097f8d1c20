"""Writes the dashboards' JSON beside their code; with --check, tells if it differs."""

from __future__ import annotations

import argparse
import sys
import warnings

from pathlib import Path

from cost import cost
from exporter_dashboard import exporter
from fleet import fleet
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from notebooks import notebooks
from pools import pools
from project import project


FOLDER = Path(__file__).parent


def dashboards() -> dict[str, str]:
    """Return the JSON of every dashboard by its file's name."""
    with warnings.catch_warnings():
        # The SDK advises its newer kind of dashboards, which Grafana before 13 lacks.
        warnings.simplefilter("ignore", DeprecationWarning)
        built = {
            one.uid: one
            for one in (
                d().build() for d in (fleet, project, pools, notebooks, cost, exporter)
            )
        }
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {f"{uid}.json": f"{encoder.encode(one)}\n" for uid, one in built.items()}


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    flags = parser.parse_args()
    for name, text in dashboards().items():
        file = FOLDER / name
        if not flags.check:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            sys.exit(f"{file} is not what the code makes: run make dashboards")


if __name__ == "__main__":
    main()
