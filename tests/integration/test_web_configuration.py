"""The web configuration, with the real Prometheus."""

import asyncio
import re
import subprocess

from pathlib import Path

import pytest

from programs import prometheus_queries, wait_until
from web_files import DIGEST, PASSWORD, TLS, Files, guarded

from exporter.web.config.reading import load_web_configuration


ROOT = Path(__file__).parents[2]


@pytest.fixture
def files(tmp_path):
    """Return a folder for a web configuration."""
    return Files(tmp_path)


@pytest.mark.needs("prometheus")
async def test_prometheus_scrapes_over_tls_with_a_password(files, tmp_path):
    """Prometheus scrapes with basic authentication over TLS."""
    text = TLS + f"basic_auth_users: {{prometheus: '{DIGEST}'}}\n"
    (tmp_path / "password").write_text(PASSWORD)
    async with guarded(files, text) as one:
        scrape = f"""\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: modelarts
    scheme: https
    tls_config: {{ca_file: {tmp_path}/ca.pem}}
    basic_auth: {{username: prometheus, password_file: {tmp_path}/password}}
    static_configs: [{{targets: ["{one.url.removeprefix("https://")}"]}}]
"""

        def compare():
            with prometheus_queries(tmp_path, scrape) as query:
                return wait_until(lambda: query("up == 1 and on () modelarts_up"))

        assert len(await asyncio.to_thread(compare)) == 1


@pytest.mark.needs("promtool")
def test_the_documented_example(files):
    """The documented example is accepted, here and by promtool."""
    text = (ROOT / "docs/web-configuration.md").read_text()
    yaml = re.search(r"```yaml[^\n]*\n(.*?)```", text, re.DOTALL)[1]
    for suffix, new in (("pem", "crt"), ("key", "key")):
        content = (files.folder / f"server.{suffix}").read_bytes()
        (files.folder / f"server.{new}").write_bytes(content)

    found = load_web_configuration(files.write(yaml))
    assert list(found.users) == ["prometheus"]
    assert found.rate_limit is not None
    # Debian's promtool does not have the rate limit yet.
    older = files.write(yaml.replace("rate_limit", "# rate_limit"))
    subprocess.run(["promtool", "check", "web-config", older], check=True)
