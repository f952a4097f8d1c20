"""Cases of the alerts about the exporter and its collections."""

from .case import DURATION, TIMEOUT, UP, Case, E


def _listed(state: str) -> str:
    return f'modelarts_discovery_projects{{{E}, cloud="otc", state="{state}"}}'


CASES = [
    Case(
        "fires and resolves",
        "ModelArtsExporterDown",
        {f"up{{{E}}}": "1x5 0x10 1x10"},
        {5: 0, 10: 0, 12: 1, 18: 0},
    ),
    Case(
        "short", "ModelArtsExporterDown", {f"up{{{E}}}": "1x5 0x3 1x10"}, {9: 0, 12: 0}
    ),
    Case("another job", "ModelArtsExporterDown", {'up{job="node"}': "0x20"}, {19: 0}),
    Case("missing", "ModelArtsExporterDown", {}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsExporterAbsent",
        {f"modelarts_exporter_build_info{{{E}}}": "1x5 stale _x30 1x10"},
        {5: 0, 20: 0, 23: 1, 40: 0},
    ),
    Case(
        "short",
        "ModelArtsExporterAbsent",
        {f"modelarts_exporter_build_info{{{E}}}": "1x5 stale _x10 1x30"},
        {16: 0, 20: 0, 40: 0},
    ),
    Case("missing", "ModelArtsExporterAbsent", {}, {10: 0, 16: 1}),
    Case(
        "fires and resolves",
        "ModelArtsProjectNotCollected",
        {UP: "1x20 0x20 1x20"},
        {20: 0, 35: 0, 38: 1, 49: 0},
    ),
    Case(
        "short",
        "ModelArtsProjectNotCollected",
        {UP: "1x20 0x10 1x20"},
        {30: 0, 35: 0, 40: 0},
    ),
    Case(
        "four of five fail, again and again",
        "ModelArtsProjectNotCollected",
        {UP: "1x20" + " 0x3 1" * 20 + " 1x20"},
        {20: 0, 35: 0, 40: 1, 80: 1, 110: 1, 130: 0},
    ),
    Case(
        "one of five fails, again and again",
        "ModelArtsProjectNotCollected",
        {UP: "1x20" + " 1x3 0" * 20},
        {60: 0, 110: 0},
    ),
    Case(
        "removed while it fails",
        "ModelArtsProjectNotCollected",
        {UP: "0x30 stale"},
        {28: 1, 33: 0},
    ),
    Case("missing", "ModelArtsProjectNotCollected", {}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsCredentialExpiresSoon",
        {
            f'modelarts_exporter_credential_expiry_timestamp_seconds{{{E}, cloud="otc", project="a"}}': "1800x28 90000x10"
        },
        {19: 0, 24: 1, 31: 0},
    ),
    Case(
        "just renewed",
        "ModelArtsCredentialExpiresSoon",
        {
            f'modelarts_exporter_credential_expiry_timestamp_seconds{{{E}, cloud="otc", project="a"}}': "1800x20 90000x10"
        },
        {20: 0, 22: 0, 25: 0},
    ),
    Case("missing", "ModelArtsCredentialExpiresSoon", {}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsCollectionSlow",
        {DURATION: "25x30 5x20", TIMEOUT: "30x50"},
        {10: 0, 17: 1, 33: 0},
    ),
    Case(
        "just below",
        "ModelArtsCollectionSlow",
        {DURATION: "24x30", TIMEOUT: "30x30"},
        {29: 0},
    ),
    Case("missing", "ModelArtsCollectionSlow", {}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsThrottled",
        {
            f'modelarts_exporter_api_requests_total{{{E}, cloud="otc", api="training_jobs", code="429"}}': "0+1x40 40x60"
        },
        {10: 0, 25: 1, 60: 0},
    ),
    Case(
        "a few",
        "ModelArtsThrottled",
        {
            f'modelarts_exporter_api_requests_total{{{E}, cloud="otc", api="training_jobs", code="429"}}': "0+0.3x60"
        },
        {30: 0, 59: 0},
    ),
    Case(
        "other answers",
        "ModelArtsThrottled",
        {
            f'modelarts_exporter_api_requests_total{{{E}, cloud="otc", api="training_jobs", code="200"}}': "0+9x60"
        },
        {30: 0},
    ),
    Case("missing", "ModelArtsThrottled", {}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsConfigurationNotReloaded",
        {f"modelarts_exporter_config_last_reload_successful{{{E}}}": "1x5 0x10 1x10"},
        {5: 0, 9: 0, 12: 1, 18: 0},
    ),
    Case(
        "corrected at once",
        "ModelArtsConfigurationNotReloaded",
        {f"modelarts_exporter_config_last_reload_successful{{{E}}}": "1x5 0x3 1x10"},
        {9: 0, 12: 0},
    ),
    Case("missing", "ModelArtsConfigurationNotReloaded", {}, {30: 0}),
    Case(
        "fires and resolves",
        "ModelArtsDiscoveryFails",
        {f'modelarts_discovery_up{{{E}, cloud="otc"}}': "1x5 0x30 1x20"},
        {5: 0, 20: 0, 22: 1, 40: 0},
    ),
    Case(
        "short",
        "ModelArtsDiscoveryFails",
        {f'modelarts_discovery_up{{{E}, cloud="otc"}}': "1x5 0x13 1x20"},
        {19: 0, 30: 0},
    ),
    Case("missing", "ModelArtsDiscoveryFails", {}, {150: 0}),
    Case(
        "too many, then fewer",
        "ModelArtsDiscoveryLeavesOut",
        {_listed("over_limit"): "0x5 3x20 0x10", _listed("conflict"): "0x40"},
        {5: 0, 20: 0, 22: 1, 30: 0},
    ),
    Case(
        "equal names, then others",
        "ModelArtsDiscoveryLeavesOut",
        {_listed("over_limit"): "0x40", _listed("conflict"): "0x5 1x20 0x10"},
        {5: 0, 20: 0, 22: 1, 30: 0},
    ),
    Case(
        "left out on purpose",
        "ModelArtsDiscoveryLeavesOut",
        {_listed("excluded"): "7x40", _listed("other_region"): "7x40"},
        {30: 0, 39: 0},
    ),
    Case(
        "short",
        "ModelArtsDiscoveryLeavesOut",
        {_listed("over_limit"): "0x5 3x13 0x20"},
        {19: 0, 22: 0},
    ),
    Case("missing", "ModelArtsDiscoveryLeavesOut", {}, {30: 0}),
]
