"""The status page in a real browser."""

import os
import shutil

import pytest

from axe_playwright_python.async_playwright import Axe
from harness import exporting
from playwright.async_api import async_playwright

from exporter.demo import demo_configuration
from exporter.simulator import Effect, Fault, ManualClock, demo_cloud, serve


PICTURE = os.environ.get("STATUS_PAGE_PICTURE")


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
async def test_in_a_browser(scheme, width):
    """
    Accessible by axe-core's rules, nothing blocked, nothing wider than the screen.

    With `STATUS_PAGE_PICTURE=path`, the wide one in light is written there: the README's
    picture.
    """
    cloud = demo_cloud(ManualClock(), seed=2)
    cloud.faults.add(Fault(effect=Effect.HANG, project_id=cloud.projects[4].project_id))
    async with (
        serve(cloud) as url,
        exporting(demo_configuration(cloud, url)) as exporter,
        async_playwright() as playwright,
    ):
        await exporter.scrape(2)
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = await browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        said = []
        page.on("console", lambda message: said.append(message.text))
        await page.goto(exporter.url)
        overflow = await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        title = await page.title()
        if PICTURE and (scheme, width) == ("light", 1100):
            await page.screenshot(path=PICTURE)
        # axe-core is injected, which the page's own policy would not allow.
        context = await browser.new_context(
            bypass_csp=True,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
        )
        examined = await context.new_page()
        await examined.goto(exporter.url)
        results = await Axe().run(examined)
        await browser.close()

    assert title == "ModelArts exporter: 2 not collected"
    assert results.violations_count == 0, results.generate_report()
    assert overflow <= 0
    assert said == []
