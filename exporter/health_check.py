"""
Asks a running exporter whether it is healthy: the image's health check.

It reads the address and path from the exporter's command line, and imports nothing of the
exporter but its paths: it runs twice a minute.
"""

from __future__ import annotations

import argparse
import ssl
import sys

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from .web.paths import OwnPath, web_paths


_DEFAULT_ADDRESS: Final = ":10198"
_EVERYWHERE: Final = {"", "0.0.0.0", "[::]"}  # noqa: S104 - compared, not listened on
_SECONDS: Final = 2.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Exit with status 0 if the exporter is healthy, else 1 and the reason."""
    parser = argparse.ArgumentParser(
        prog="python -m exporter.health_check", description=__doc__
    )
    parser.add_argument(
        "process_id",
        nargs="?",
        type=int,
        default=1,
        help="process ID of the exporter (default 1, which it has in a container)",
    )
    process_id: int = parser.parse_args(arguments).process_id
    try:
        command = Path(f"/proc/{process_id}/cmdline").read_text().split("\0")
        _ask(_location(command))
    except OSError as error:
        sys.exit(f"not healthy: {error}")


def _location(command: Sequence[str]) -> str:
    """Return where a command line answers: host, port and path, without the scheme."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--web.listen-address", dest="address")
    parser.add_argument("--web.external-url", dest="external_url", default="")
    parser.add_argument("--web.route-prefix", dest="route_prefix", default="")
    flags = parser.parse_known_args(command)[0]
    address: str = flags.address or _DEFAULT_ADDRESS
    host, _, port = address.rpartition(":")
    paths = web_paths(external_url=flags.external_url, route_prefix=flags.route_prefix)
    path = paths.route(OwnPath.HEALTHY)
    return f"{'localhost' if host in _EVERYWHERE else host}:{port}{path}"


def _ask(location: str) -> None:
    """Return if the exporter is healthy. Raises `OSError`."""
    try:
        urlopen(f"http://{location}", timeout=_SECONDS).close()
    except OSError:
        # With TLS, or not at all. The certificate is the exporter's own.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        urlopen(f"https://{location}", timeout=_SECONDS, context=context).close()


if __name__ == "__main__":
    main()
