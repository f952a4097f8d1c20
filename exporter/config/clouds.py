"""Reads `clouds`: the endpoints that a provider has in a region, and the rest as given."""

from __future__ import annotations

from typing import Final

from .file_keys import CloudKeys
from .key_groups import read_group
from .likely_errors import warn_of_cloud
from .model import Cloud, PasswordAuth, Tls
from .regions import Service, default_endpoint
from .secret import Secret
from .section import Section


_NO_AUTH: Final = PasswordAuth(username="", password=Secret(), domain="")


def read_clouds(root: Section) -> dict[str, Cloud]:
    """Return the clouds by their names."""
    if root.is_list("clouds"):
        message = "expected a mapping, got a list; write otc: instead of - name: otc"
        root.error(message, "clouds")
        return {}
    section = root.section("clouds")
    if section is None:
        root.error("missing; at least one cloud is needed", "clouds")
        return {}
    found = {name: _cloud(name, cloud) for name, cloud in section.sections()}
    if not found:
        section.error("at least one cloud is needed")
    return found


def _cloud(name: str, section: Section) -> Cloud:
    if not name.strip():
        section.error("a cloud needs a name")
    keys = read_group(section, CloudKeys)
    warn_of_cloud(section, keys)
    auth = keys.auth.given() if keys.auth else []
    return Cloud(
        name=name,
        region=keys.region or "",
        provider=keys.provider,
        iam_url=keys.iam_url or _endpoint(section, Service.IAM, keys),
        modelarts_url=keys.modelarts_url or _endpoint(section, Service.MODELARTS, keys),
        auth=auth[0] if auth else _NO_AUTH,
        tls=keys.tls or Tls(),
        proxy_url=keys.proxy_url,
        rate_limit=keys.rate_limit,
        discovery=keys.discovery,
    )


def _endpoint(section: Section, service: Service, keys: CloudKeys) -> str:
    if keys.provider is None or keys.region is None:
        return ""
    url = default_endpoint(service, keys.provider, keys.region)
    key = f"{service}_url"
    if url is None and key not in section:
        section.error("missing; none is documented in this region", key)
    return url or ""
