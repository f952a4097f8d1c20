"""The shipped alerting and recording rules, read once."""

from pathlib import Path

import yaml


FOLDER = Path(__file__).parent.parent / "deploy/prometheus/rules"
FILES = sorted(FOLDER.glob("*.yml"))
# The C parser takes a tenth of the time.
GROUPS = [
    group
    for file in FILES
    for group in yaml.load(file.read_text(), yaml.CSafeLoader)["groups"]
]
RULES = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDED = {rule["record"]: rule for rule in RULES if "record" in rule}
