"""Draws dashboards in a headless Chromium, with Grafana's own components."""

from __future__ import annotations

import json
import shutil
import subprocess

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.async_api import Page, Route, async_playwright


FOLDER: Final = Path(__file__).parent
ESBUILD: Final = FOLDER / "node_modules/.bin/esbuild"
BUNDLE: Final = FOLDER / "build/panels.js"
_MODULES: Final = FOLDER / "node_modules"
_GRAFANA: Final = _MODULES / "@grafana/ui/dist"
_FONTS: Final = {
    f"public/fonts/inter/Inter-{name}.woff2": _MODULES
    / f"@fontsource/inter/files/inter-latin-{weight}-normal.woff2"
    for name, weight in (("Regular", 400), ("Medium", 500))
}
_MARGIN: Final = 16
_BUNDLING: Final = (
    "--bundle",
    "--minify",
    "--jsx=automatic",
    "--format=iife",
    "--define:process.env.NODE_ENV='production'",
    "--define:global=window",
    # Grafana's query editor, which no panel has.
    "--external:monaco-editor",
    f"--alias:react-custom-scrollbars-2={FOLDER}/scrollbars.js",
    "--loader:.svg=dataurl",
    "--log-level=warning",
)
_PAGE: Final = "http://grafana.invalid/"


def bundle() -> None:
    """Bundle the panels and Grafana's components in one file, after `npm ci`."""
    made_of = (*FOLDER.glob("*.js*"), _MODULES / ".package-lock.json")
    newest = max(file.stat().st_mtime for file in made_of)
    if BUNDLE.exists() and BUNDLE.stat().st_mtime > newest:
        return
    command = [ESBUILD, FOLDER / "panels.jsx"]
    subprocess.run([*command, *_BUNDLING, f"--outfile={BUNDLE}"], check=True)


@asynccontextmanager
async def drawing(width: int, scale: float = 1.0) -> AsyncIterator[Page]:
    """Yield a page that draws dashboards; `scale` is the device's pixel ratio."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = await chromium.new_page(
            viewport={"width": width + _MARGIN, "height": 900},
            device_scale_factor=scale,
        )
        await page.route("**/*", _answer)
        await page.goto(_PAGE)
        await page.add_script_tag(path=BUNDLE)
        await page.add_style_tag(path=BUNDLE.with_suffix(".css"))
        yield page
        await chromium.close()


async def draw(page: Page, panels: list[dict], start: float, end: float) -> None:
    """Draw a dashboard, instead of the previous one."""
    width = page.viewport_size["width"] - _MARGIN
    board = {"panels": panels, "from": start, "to": end, "width": width}
    await page.evaluate("board => draw(JSON.parse(board))", json.dumps(board))


async def top_of_row(page: Page, title: str) -> float:
    """Return where a row of the drawn dashboard begins, in pixels from the top."""
    box = await page.get_by_role("heading", name=title, exact=True).bounding_box()
    return box["y"]


@dataclass(frozen=True, slots=True)
class DrawnPanel:
    """A drawn panel: its state (drawn, empty, failed or undrawable) and its text."""

    number: int
    state: str
    text: str
    rows: list[list[str]]
    """Of a table: its column titles, followed by its cells."""


async def drawn_panels(page: Page) -> list[DrawnPanel]:
    """Return what the drawn panels show."""
    return [DrawnPanel(**one) for one in await page.evaluate("() => panels()")]


async def _answer(route: Route) -> None:
    """Answer a request for an icon, a font or the empty page, without a network."""
    path = route.request.url.removeprefix(_PAGE).partition("?")[0]
    file = _FONTS.get(path) or (_GRAFANA / path).resolve()
    if path and file.is_relative_to(_MODULES) and file.is_file():
        await route.fulfill(path=file)
    else:
        await route.fulfill(content_type="text/html", status=404 if path else 200)
