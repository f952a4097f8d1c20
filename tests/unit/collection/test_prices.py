"""Configured prices, for dashboards and alerts about cost."""

from dataclasses import replace

import pytest

from harness import Scrape, exporting, exporting_from, simulated
from harness import configuration as configured_for

from exporter.config import Prices
from exporter.simulator import serve


PRICES = Prices(currency="EUR", flavors=(("modelarts.p3.large", 4.2), ("b", 1.0)))
PRICE = "flavor_price_per_hour"


def priced(configured):
    """Return the configuration with prices."""
    return replace(configured, prices=PRICES)


@pytest.mark.parametrize("path", ["metrics", "exporter-metrics"])
async def test_prices(path):
    """Where all projects are exported, each flavor has one series."""
    async with exporting_from(simulated("a"), change=priced) as exporter:
        scrape = Scrape(await exporter.client.get(f"{exporter.url}/{path}"))

    assert scrape.value(PRICE, flavor="modelarts.p3.large", currency="EUR") == 4.2
    assert scrape.value(PRICE, flavor="b", currency="EUR") == 1.0


async def test_probes_have_none():
    """Probes export no prices: each target would repeat them, breaking joins."""
    async with exporting_from(simulated("a"), change=priced) as exporter:
        answer = await exporter.client.get(f"{exporter.url}/probe?project=a")

    assert answer.status_code == 200
    assert not Scrape(answer).series(PRICE)


async def test_prices_change_with_a_reload():
    """A reload exports the new prices, and none where they are removed."""
    cloud = simulated("a")
    async with serve(cloud) as url:
        configured = configured_for(cloud, url)
        loaded = [priced(configured), configured]
        async with exporting(configured, load=lambda: loaded.pop(0)) as exporter:
            before = await exporter.scrape()
            answer = await exporter.client.post(f"{exporter.url}/-/reload")
            after = await exporter.scrape()

    assert answer.status_code == 200
    assert len(before.series(PRICE)) == 2
    assert "flavor_price" not in after.response.text
