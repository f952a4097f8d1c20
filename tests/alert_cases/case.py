"""A case of an alert, and the series that cases consist of."""

from dataclasses import dataclass


E = 'job="modelarts", instance="e:10198"'
P = f'{E}, project="a", kind="training", api_version="v1"'
UP = f"modelarts_up{{{P}}}"
RUNNING = f'modelarts_jobs{{{P}, status="running", phase="running"}}'
WAITING = f'modelarts_jobs{{{P}, status="waiting", phase="pending"}}'
QUOTA = f"modelarts_running_job_quota{{{P}}}"
CREATED = f"modelarts_created_jobs{{{P}}}"
REMAINING = f"modelarts_job_count_limit_remaining{{{P}}}"
FAILED = f'modelarts_jobs_finished_total{{{P}, phase="failed"}}'
SUCCEEDED = f'modelarts_jobs_finished_total{{{P}, phase="succeeded"}}'
LONGEST = f'modelarts_job_longest_duration_seconds{{{P}, phase="running"}}'
OLDEST = f'modelarts_job_oldest_created_timestamp_seconds{{{P}, phase="pending"}}'
DURATION = f"modelarts_collection_duration_seconds{{{P}}}"
ERRORS = f'modelarts_collection_errors_total{{{P}, reason="timeout"}}'
TIMEOUT = f"modelarts_exporter_scrape_timeout_seconds{{{E}}}"

SCRAPE = f"up{{{E}}}"
# For each case that does not say otherwise.
SCRAPED = {SCRAPE: "1x900"}


def info(label: str) -> str:
    """Return the info series of the project, with a configured label."""
    return f'modelarts_project_info{{{E}, project="a", cloud="otc", {label}}}'


def v2(series: str) -> str:
    """Return a series of v1 as v2 has it."""
    return series.replace('api_version="v1"', 'api_version="v2"')


INFO = info('label_team="vision"')


@dataclass(frozen=True)
class Case:
    """
    What happens minute by minute, and how many alerts fire at which minute.

    In each series `1x5` is 1 and five more times 1, `_` is a scrape without it, and
    `stale` is Prometheus's marker for a series that has ended.
    """

    name: str
    alert: str
    series: dict[str, str]
    fires: dict[int, int]

    labels: str = ""
    """Matchers of the labels that all fired alerts have."""
