"""
Writes the dashboards' JSON beside their code; with --check, tells if it differs.

With --out, it is written elsewhere, as for one's own scrape job, label and interval.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import warnings

from pathlib import Path

from cost import cost
from exporter_dashboard import exporter
from fleet import fleet
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from notebooks import notebooks
from panels import MIN_INTERVAL
from pools import pools
from project import project
from variables import ANY_JOB


FOLDER = Path(__file__).parent
_MENU = ("placement", "inControlsMenu")
"""Where the SDK puts links and annotations: newer versions of Grafana hide them there."""


def dashboards() -> dict[str, str]:
    """Return the JSON of every dashboard by its file's name."""
    with warnings.catch_warnings():
        # The SDK advises its newer kind of dashboards, which Grafana before 13 lacks.
        warnings.simplefilter("ignore", DeprecationWarning)
        built = [
            one().build() for one in (fleet, project, pools, notebooks, cost, exporter)
        ]
    encoder = JSONEncoder()
    boards = {
        one.uid: json.loads(encoder.encode(one), object_hook=_in_sight) for one in built
    }
    return {
        f"{uid}.json": f"{json.dumps(board, sort_keys=True, indent=2)}\n"
        for uid, board in boards.items()
    }


def _in_sight(part: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in part.items() if (name, value) != _MENU}


def _inside(query: str) -> str:
    """Return a part of a query as it is within the JSON."""
    return json.dumps(query)[1:-1]


def chosen(text: str, flags: argparse.Namespace) -> str:
    """Return a dashboard for one's own scrape job, label of clusters and interval."""
    text = re.sub(r"\bcluster\b", flags.cluster_label, text)
    job = f"job=~{json.dumps(flags.job)}"
    text = text.replace(_inside(ANY_JOB), _inside(job))
    interval = '"interval": "{}"'
    return text.replace(interval.format(MIN_INTERVAL), interval.format(flags.interval))


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument(
        "--cluster-label", default="cluster", help="the label that tells clusters apart"
    )
    parser.add_argument(
        "--job", default=".+", help="a regular expression of scrape jobs to choose from"
    )
    parser.add_argument(
        "--interval",
        default=MIN_INTERVAL,
        help="the scrape interval, if it is longer than a minute",
    )
    flags = parser.parse_args()
    flags.out.mkdir(parents=True, exist_ok=True)
    for name, text in dashboards().items():
        file = flags.out / name
        if not flags.check:
            file.write_text(chosen(text, flags))
        elif not file.exists() or file.read_text() != text:
            sys.exit(f"{file} is not what the code makes: run make dashboards")


if __name__ == "__main__":
    main()
