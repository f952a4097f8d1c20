"""Command lines that are rejected before anything is done."""

import pytest

from exporter.cli import main


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "--config.file"),
        (("once",), "--config.file"),
        (("nonsense",), '"nonsense" is not known here; it is one of serve, demo'),
        (("chekc",), 'command: "chekc" is not known here; did you mean "check"?'),
        (("--log.level=warning",), 'did you mean "warn"?'),
        (("--log.level=INFO",), 'did you mean "info"?'),
        (("demo", "--config.strict"), "--config.strict is for --config.check"),
        (("demo", "--web.telemetry-path=metrics"), "must start with /"),
        (("demo", "--web.external-url=ftp://x"), "--web.external-url must be a URL"),
        (("demo", "--web.route-prefix=/a b"), "--web.route-prefix must be a path"),
        (("demo", "--metrics.allow=a", "--metrics.deny=b"), "not both"),
        (("demo", "--metrics.deny=a("), "'a(' is not a regular expression"),
        (("--log.level=loud",), "loud"),
        (("--config",), "--config"),
        (("demo", "--simulator.speed=0"), "above 0"),
        (("--config.file=x", "--shard=1"), "--shard needs --total-shards"),
        (
            ("--config.file=x", "--shard-from-pod=exporter-1"),
            "--shard-from-pod needs --total-shards",
        ),
        (
            ("--config.file=x", "--total-shards=3"),
            "--total-shards needs --shard or --shard-from-pod",
        ),
        (
            ("--config.file=x", "--shard=3", "--total-shards=3"),
            "--shard: there is no shard 3; with --total-shards=3, the last is 2",
        ),
        (
            ("--config.file=x", "--shard-from-pod=exporter-4", "--total-shards=4"),
            "--shard-from-pod: there is no shard 4; with --total-shards=4, the last is 3",
        ),
        (
            ("--config.file=x", "--shard-from-pod=$(POD_NAME)", "--total-shards=3"),
            "'$(POD_NAME)' does not end with an ordinal, as exporter-0 does",
        ),
        (("--shard=-1", "--total-shards=3"), "'-1' is not a whole number from 0"),
        (
            ("--config.file=x", "--shard=0", "--total-shards=0"),
            "--total-shards must be 1 to 1000",
        ),
        (
            (
                "--config.file=x",
                "--shard=0",
                "--shard-from-pod=exporter-0",
                "--total-shards=3",
            ),
            "give --shard or --shard-from-pod, not both",
        ),
        (("demo", "--shard=0", "--total-shards=3"), "demo has no shards"),
    ],
    ids=str,
)
def test_wrong_usage(capsys, arguments, word):
    """A wrong command line ends with status 2 and a message."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert word in capsys.readouterr().err
