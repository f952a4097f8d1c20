"""Cases of each alert, minute by minute, which promtool runs."""

from . import api_versions, exporter, jobs, pools, products, scrape_timeouts, teams
from .case import INFO, SCRAPED, Case


__all__ = ["CASES", "INFO", "SCRAPED", "Case"]

CASES = [
    *exporter.CASES,
    *jobs.CASES,
    *api_versions.CASES,
    *products.CASES,
    *scrape_timeouts.CASES,
    *pools.CASES,
    *teams.CASES,
]
