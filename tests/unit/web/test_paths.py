"""Behind a proxy: a prefix of all paths, and an external URL."""

import re

from urllib.parse import urljoin

import pytest

from harness import configuration, exporting, simulated
from web_files import DIGEST, Files

from exporter.simulator import serve
from exporter.web.config import CurrentWebConfiguration
from exporter.web.paths import web_paths


@pytest.fixture
async def prefixed():
    """Run an exporter of one project, below a prefix, which has been scraped."""
    cloud = simulated("a")
    paths = web_paths(external_url="https://example.org/cloud/modelarts/")
    async with (
        serve(cloud) as url,
        exporting(configuration(cloud, url), paths=paths) as exporter,
    ):
        yield exporter


async def test_all_paths_have_the_prefix(prefixed):
    """Paths without the external URL's prefix are not found."""
    for path in (
        *("/metrics", "/probe?project=a", "/sd", "/exporter-metrics", "/"),
        *("/-/healthy", "/-/ready"),
    ):
        url = f"{prefixed.url}/cloud/modelarts{path}"
        assert (await prefixed.client.get(url)).status_code == 200, path
        if path != "/":
            bare = await prefixed.client.get(f"{prefixed.url}{path}")
            assert bare.status_code == 404, path
    reload = await prefixed.client.post(f"{prefixed.url}/cloud/modelarts/-/reload")
    assert reload.status_code == 200


async def test_the_root_and_the_bare_prefix_lead_to_the_page(prefixed):
    """The page's relative links need the slash."""
    for path in ("/", "/cloud/modelarts"):
        answer = await prefixed.client.get(f"{prefixed.url}{path}")
        assert answer.status_code == 302
        assert answer.headers["Location"] == "/cloud/modelarts/"


async def test_the_pages_links_lead_somewhere(prefixed):
    """Links work below the prefix, and below another one that a proxy adds."""
    page = f"{prefixed.url}/cloud/modelarts/?project=a"
    html = (await prefixed.client.get(page)).text
    links = re.findall(r'(?:href|action)="([^"]*)"', html)
    own = [link.replace("&amp;", "&") for link in links if "//" not in link]

    assert len(own) > 20
    for link in own:
        assert not link.startswith("/"), link
        answer = await prefixed.client.get(urljoin(page, link))
        assert answer.status_code == 200, link


@pytest.mark.parametrize(
    ("host", "scheme", "path"),
    [
        ("example.org", "https", "/modelarts/probe"),
        ("EXAMPLE.org", "https", "/modelarts/probe"),
        ("10.0.0.1:10198", "http", "/inside/probe"),
    ],
)
async def test_targets_are_where_they_were_asked_for(host, scheme, path):
    """Targets use the scheme and path of the external URL if they match its host."""
    cloud = simulated("a")
    paths = web_paths(
        external_url="https://example.org/modelarts", route_prefix="inside/"
    )
    async with (
        serve(cloud) as url,
        exporting(configuration(cloud, url), paths=paths) as exporter,
    ):
        answer = await exporter.client.get(
            f"{exporter.url}/inside/sd", headers={"Host": host}
        )
        bare = await exporter.client.get(f"{exporter.url}/inside")
    ((target,),) = [group["targets"] for group in answer.json()]
    (labels,) = [group["labels"] for group in answer.json()]

    assert target == host
    assert labels["__scheme__"] == scheme
    assert labels["__metrics_path__"] == path
    assert bare.headers["Location"] == "/modelarts/"


async def test_a_proxy_that_strips_the_prefix():
    """A slash as route prefix means no prefix."""
    cloud = simulated("a")
    paths = web_paths(external_url="https://example.org/modelarts", route_prefix="/")
    async with (
        serve(cloud) as url,
        exporting(configuration(cloud, url), paths=paths) as exporter,
    ):
        assert (await exporter.client.get(f"{exporter.url}/-/ready")).status_code == 200
        assert (await exporter.client.get(f"{exporter.url}/")).status_code == 200


async def test_health_needs_no_password_below_a_prefix(tmp_path):
    """All other paths need one, redirects too."""
    users = f"basic_auth_users: {{prometheus: '{DIGEST}'}}\n"
    web = CurrentWebConfiguration(Files(tmp_path).write(users))
    cloud = simulated("a")
    paths = web_paths(route_prefix="/m")
    async with (
        serve(cloud) as url,
        exporting(configuration(cloud, url), web=web, paths=paths) as exporter,
    ):
        statuses = {
            path: (await exporter.client.get(f"{exporter.url}{path}")).status_code
            for path in ("/m/-/healthy", "/m/-/ready", "/-/healthy", "/", "/m/", "/m")
        }

    assert [path for path, status in statuses.items() if status == 200] == [
        *("/m/-/healthy", "/m/-/ready")
    ]
    assert set(statuses.values()) == {200, 401}


@pytest.mark.parametrize(
    ("flags", "prefix"),
    [
        ({}, ""),
        ({"external_url": "http://x"}, ""),
        ({"external_url": "http://x:1/"}, ""),
        ({"external_url": "http://[::1]:1/a/b/"}, "/a/b"),
        ({"external_url": "/only/a/path"}, "/only/a/path"),
        ({"external_url": "http://x/a", "route_prefix": "/b"}, "/b"),
        ({"external_url": "http://x/a", "route_prefix": "/"}, ""),
        ({"route_prefix": "b/"}, "/b"),
    ],
)
def test_the_prefix(flags, prefix):
    """The route prefix counts, or else the external URL's path."""
    assert web_paths(**flags).prefix == prefix


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://x/", "http://", "http:///a", "http://u:secret@x/", "http://x/?a=1"),
        *("http://x/#a", "http://x:port/", "http://x/a/../b", "http://x/{a}", "a b"),
        *("http://[x/", "//x/a", "'http://x'", "http://x/a//b"),
    ],
)
def test_wrong_external_urls(url):
    """Invalid URLs are rejected with the flag's name, and not repeated."""
    with pytest.raises(
        ValueError, match=r"^--web\.external-url must be a URL"
    ) as raised:
        web_paths(external_url=url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("prefix", ["/a/../b", "/a?b", "/{a}", "/ü", "/a//b", "/%2e"])
def test_wrong_prefixes(prefix):
    """Invalid prefixes are rejected with the flag's name."""
    with pytest.raises(ValueError, match=r"^--web\.route-prefix must be a path"):
        web_paths(route_prefix=prefix)
