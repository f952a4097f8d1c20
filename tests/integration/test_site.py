"""The documents' site: it builds, its links are valid, and it loads no other host."""

import json
import os
import re
import subprocess
import sys

import pytest

from documents import ROOT


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site, which fails if a link or an anchor does not exist."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", f"--site-dir={folder}"],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )
    return folder


def test_every_document_is_a_page(site):
    """Programs next to the documents are not published."""
    documents = {
        path.relative_to(ROOT / "docs").with_suffix("")
        for path in ROOT.glob("docs/**/*.md")
    }
    pages = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")}

    assert {str(page) for page in pages} - {"404"} == {str(one) for one in documents}
    assert not list(site.rglob("*.py"))


def test_the_site_loads_no_other_host(site):
    """No font, script, style or picture comes from elsewhere."""
    for page in site.rglob("*.html"):
        text = page.read_text()
        tags = re.findall(r"<(?:script|img|link|iframe|source)\b[^>]*>", text)
        loaded = [tag for tag in tags if 'rel="canonical"' not in tag]

        assert not [
            tag for tag in loaded if re.search(r"(src|href)=\"?(https?:)?//", tag)
        ]


def test_links_that_leave_the_documents_lead_to_the_repository(site):
    """Links to rules and dashboards, for instance, lead to the repository."""
    text = (site / "monitoring.html").read_text()

    assert "/modelarts-exporter/blob/main/deploy/prometheus/rules" in text
    assert 'href="../' not in text


def test_the_search_finds_symptoms(site):
    """The search index has the headings of the troubleshooting page."""
    index = json.loads((site / "search/search_index.json").read_text())
    titles = {entry["title"] for entry in index["docs"]}

    assert {"Zero jobs", "Timeouts", "No data in Grafana"} <= titles
