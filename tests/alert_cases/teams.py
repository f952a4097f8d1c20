"""Cases of the label `team`, which alerts about a project take from its configuration."""

from .case import INFO, UP, Case, info


ALERT = "ModelArtsProjectNotCollected"


def shard(series: str) -> str:
    """Return a series of another exporter."""
    return series.replace("e:10198", "e-1:10198")


def labeled(series: str, labels: str) -> str:
    """Return a series with more labels."""
    return series.replace("{", f"{{{labels}, ")


CASES = [
    Case(
        "a configured team", ALERT, {UP: "0x20", INFO: "1x20"}, {16: 1}, 'team="vision"'
    ),
    Case("no info", ALERT, {UP: "0x20"}, {16: 1}, 'team="unknown"'),
    Case(
        "info without a team",
        ALERT,
        {UP: "0x20", INFO.replace("label_team", "label_floor"): "1x20"},
        {16: 1},
        'team="unknown"',
    ),
    Case(
        "info of another project",
        ALERT,
        {UP: "0x20", INFO.replace('project="a"', 'project="b"'): "1x20"},
        {16: 1},
        'team="unknown"',
    ),
    Case(
        "another team, while its API fails",
        ALERT,
        {UP: "0x60", info('label_team="audio"'): "1x20 stale", INFO: "_x20 1x40"},
        {50: 1},
        'team="vision"',
    ),
    Case(
        "two exporters, of which one collects it",
        ALERT,
        {UP: "0x20", INFO: "1x20", shard(UP): "1x20", shard(INFO): "1x20"},
        {16: 0},
    ),
    Case(
        "two exporters with the same project",
        ALERT,
        {UP: "0x20", INFO: "1x20", shard(UP): "0x20", shard(INFO): "1x20"},
        {16: 1},
        'team="vision"',
    ),
    Case(
        "two clusters with the same target: always the same team",
        ALERT,
        {labeled(UP, 'cluster="x"'): "0x40", labeled(UP, 'cluster="y"'): "0x40"}
        | {labeled(INFO, 'cluster="x"'): "1x40"}
        | {labeled(INFO, 'cluster="y"').replace("vision", "speech"): "1x40"},
        dict.fromkeys(range(16, 40), 2),
        'team="speech"',
    ),
    Case(
        "a target with a team of its own",
        ALERT,
        {labeled(UP, 'team="speech"'): "0x20"}
        | {labeled(INFO, 'team="speech"'): "1x20"},
        {16: 1},
        'team="speech"',
    ),
    Case(
        "a name that has to be quoted",
        ALERT,
        {
            series.replace('project="a"', r'project="ä \"b\" \\c"'): values
            for series, values in {UP: "0x20", INFO: "1x20"}.items()
        },
        {16: 1},
        'team="vision"',
    ),
]
