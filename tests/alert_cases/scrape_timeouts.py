"""Cases of the alert that compares collections with the last scraper's timeout."""

from .case import DURATION, TIMEOUT, Case, v2


ANOTHER_EXPORTER = TIMEOUT.replace("e:10198", "other:10198")
# A target for each project, with the configured labels, and one for the exporter
# itself.
A_PROJECTS_OWN = DURATION.replace(
    'job="modelarts", instance="e:10198"',
    'job="modelarts-projects", instance="a", team="speech"',
)

CASES = [
    Case(
        "one of two versions is slow",
        "ModelArtsCollectionSlow",
        {DURATION: "5x30", v2(DURATION): "25x30", TIMEOUT: "30x30"},
        {10: 0, 17: 1},
        'api_version="v2"',
    ),
    Case(
        "a longer timeout",
        "ModelArtsCollectionSlow",
        {DURATION: "25x60", TIMEOUT: "30x30 60x30"},
        {17: 1, 32: 0},
    ),
    Case(
        "another exporter's timeout is shorter",
        "ModelArtsCollectionSlow",
        {DURATION: "25x30", TIMEOUT: "60x30", ANOTHER_EXPORTER: "10x30"},
        {29: 0},
    ),
    Case(
        "another exporter's timeout is longer",
        "ModelArtsCollectionSlow",
        {DURATION: "25x30", TIMEOUT: "30x30", ANOTHER_EXPORTER: "60x30"},
        {17: 1},
    ),
    Case(
        "a target of its own",
        "ModelArtsCollectionSlow",
        {A_PROJECTS_OWN: "25x30 5x20", TIMEOUT: "30x50"},
        {10: 0, 17: 1, 33: 0},
        'team="speech"',
    ),
    Case(
        "a target of its own, just below",
        "ModelArtsCollectionSlow",
        {A_PROJECTS_OWN: "24x30", TIMEOUT: "30x30"},
        {29: 0},
    ),
    Case(
        "a target of its own, several exporters",
        "ModelArtsCollectionSlow",
        {A_PROJECTS_OWN: "40x30 50x30", TIMEOUT: "30x60", ANOTHER_EXPORTER: "60x60"},
        {29: 0, 55: 1},
        'team="speech"',
    ),
    Case(
        "no scraper has sent one",
        "ModelArtsCollectionSlow",
        {DURATION: "25x30", A_PROJECTS_OWN: "25x30", TIMEOUT: "0x30"},
        {29: 0},
    ),
    Case("no timeout", "ModelArtsCollectionSlow", {DURATION: "25x30"}, {29: 0}),
]
