"""How long a scrape may take, by its header and the configuration."""

import pytest

from exporter.config import CollectionSettings
from exporter.web.scrape_timeout import scrape_seconds, scraper_timeout


@pytest.mark.parametrize(
    ("header", "timeout", "expected"),
    [
        (None, None, 9.0),
        (None, 20.0, 20.0),
        ("10", None, 9.5),
        ("30", None, 29.5),
        ("30", 20.0, 20.0),
        ("10", 20.0, 9.5),
        ("0.4", None, 0.2),
        ("0.5", None, 0.25),
        ("0", None, 9.0),
        ("-1", None, 9.0),
        ("nan", None, 9.0),
        ("inf", None, 9.0),
        ("soon", 20.0, 20.0),
        ("1e308", None, 300.0),
        ("1e308", 20.0, 20.0),
        ("301", None, 300.0),
        ("299", None, 298.5),
    ],
)
def test_a_scrapes_time(header, timeout, expected):
    """The header less the offset, or the configured timeout, whichever is shorter."""
    assert expected == pytest.approx(
        scrape_seconds(scraper_timeout(header), CollectionSettings(timeout=timeout))
    )
