"""The status page in a real browser."""

import os
import shutil

import pytest
import pytest_asyncio

from axe_playwright_python.async_playwright import Axe
from harness import exporting
from playwright.async_api import async_playwright

from exporter.demo import demo_configuration
from exporter.simulator import Effect, Fault, ManualClock, demo_cloud, serve


PICTURE = os.environ.get("STATUS_PAGE_PICTURE")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url():
    """Run an exporter of the demo's cloud, one project of which hangs; yields its URL."""
    cloud = demo_cloud(ManualClock(), seed=2)
    cloud.faults.add(Fault(effect=Effect.HANG, project_id=cloud.projects[4].project_id))
    async with (
        serve(cloud) as cloud_url,
        exporting(demo_configuration(cloud, cloud_url)) as exporter,
    ):
        await exporter.scrape(2)
        yield exporter.url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    """Run a browser."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield chromium
        await chromium.close()


@pytest.mark.needs("chromium")
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
async def test_in_a_browser(scheme, width, url, browser):
    """
    Accessible by axe-core's rules, nothing blocked, nothing wider than the screen.

    With `STATUS_PAGE_PICTURE=path`, the wide one in light is written there: the README's
    picture.
    """
    screen = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = await browser.new_page(**screen)
    said = []
    page.on("console", lambda message: said.append(message.text))
    await page.goto(url)
    overflow = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    title = await page.title()
    if PICTURE and (scheme, width) == ("light", 1100):
        await page.screenshot(path=PICTURE)
    await page.close()
    # axe-core is injected, which the page's own policy would not allow.
    context = await browser.new_context(bypass_csp=True, **screen)
    examined = await context.new_page()
    await examined.goto(url)
    results = await Axe().run(examined)
    await context.close()

    assert title == "ModelArts exporter: 3 not collected"
    assert results.violations_count == 0, results.generate_report()
    assert overflow <= 0
    assert said == []
