"""The status page in a real browser."""

import os
import shutil

from dataclasses import replace

import pytest
import pytest_asyncio

from axe_playwright_python.async_playwright import Axe
from harness import configuration, exporting, simulated
from playwright.async_api import async_playwright

from exporter.demo import demo_configuration
from exporter.simulator import Effect, Fault, ManualClock, demo_cloud, serve


pytestmark = [pytest.mark.needs("chromium"), pytest.mark.asyncio(loop_scope="module")]

PICTURE = os.environ.get("STATUS_PAGE_PICTURE")
# The reader has requested the refresh, and can end it with a link.
RULES = {"meta-refresh": {"enabled": False}}
OPENED = "/?project=vision&project=eu-de_sandbox&refresh=300"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def few():
    """Run an exporter of the demo's cloud, with one hanging project; yields its URL."""
    cloud = demo_cloud(ManualClock(), seed=2)
    cloud.faults.add(Fault(effect=Effect.HANG, project_id=cloud.projects[4].project_id))
    async with (
        serve(cloud) as cloud_url,
        exporting(demo_configuration(cloud, cloud_url)) as exporter,
    ):
        await exporter.scrape(2)
        yield exporter.url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def many():
    """Run an exporter of 200 projects, some of them with problems; yields its URL."""
    cloud = simulated("good", "full", "bad", "worse")
    for _ in range(5):
        cloud.projects[1].training.create_job(8, created=cloud.clock.now() - 1e6)
    for project in cloud.projects[2:]:
        fault = Fault(effect=Effect.STATUS, status=403, project_id=project.project_id)
        cloud.faults.add(fault)
    async with serve(cloud) as cloud_url:
        configured = configuration(cloud, cloud_url)
        good, *others = configured.projects
        goods = (replace(good, name=f"good-{index}") for index in range(197))
        # Half as many requests.
        goods = (replace(one, collectors=("training_jobs",)) for one in goods)
        configured = replace(configured, projects=(*goods, *others))
        async with exporting(configured) as exporter:
            await exporter.scrape(60)
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


async def examined(browser, url, width, scheme, rules=RULES):
    """
    Return the page's title, after checking it.

    It has to be accessible by axe-core's rules, with nothing blocked, and nothing wider
    than the screen.
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
    await page.close()
    # axe-core is injected, which the page's own policy would not allow.
    context = await browser.new_context(bypass_csp=True, **screen)
    injected = await context.new_page()
    await injected.goto(url)
    results = await Axe().run(
        injected, options={"rules": rules, "resultTypes": ["violations"]}
    )
    await context.close()

    assert results.violations_count == 0, results.generate_report()
    assert overflow <= 0
    assert said == []
    return title


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1100, 2560])
async def test_with_few_projects(scheme, width, few, browser):
    """
    The page is accessible in each width and theme, with details open.

    With `STATUS_PAGE_PICTURE=path`, the middle one in light is written there, without
    details: the README's picture.
    """
    title = await examined(browser, few + OPENED, width, scheme)
    if PICTURE and (scheme, width) == ("light", 1100):
        page = await browser.new_page(viewport={"width": width, "height": 600})
        await page.goto(few)
        await page.screenshot(path=PICTURE, full_page=True)
        await page.close()

    assert title == "ModelArts exporter: 1 failing"


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1600, "light")])
async def test_with_200_projects(width, scheme, many, browser):
    """A long table is as accessible as a short one, with the same colors."""
    rules = RULES | {"color-contrast": {"enabled": False}}
    title = await examined(browser, many, width, scheme, rules=rules)

    assert title == "ModelArts exporter: 2 failing"


async def test_with_the_keyboard_alone(few, browser):
    """A filter can be typed and sent; opening a project's details keeps it."""
    page = await browser.new_page()
    await page.goto(few)
    await page.get_by_label("Filter").focus()
    await page.keyboard.type("team=vision")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?q=*")
    project = page.get_by_role("rowheader").get_by_role("link", name="vision")
    await project.focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**project=vision**")
    cards = await page.get_by_role("heading", level=3).all_inner_texts()
    rows = await page.get_by_role("rowheader").count()
    expanded = await project.get_attribute("aria-expanded")
    await page.close()

    assert rows == 1
    assert expanded == "true"
    assert "Training jobs (v1)\nup" in cards
