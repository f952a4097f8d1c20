"""Reads `clouds`: endpoints, credential, TLS, proxy and rate limit."""

from __future__ import annotations

import re
import ssl

from collections.abc import Callable
from typing import Final
from urllib.parse import SplitResult, urlsplit

from .model import (
    AccessKeyAuth,
    Auth,
    Cloud,
    EcsAgencyAuth,
    PasswordAuth,
    Provider,
    RateLimit,
    Tls,
)
from .secret import Secret
from .section import Section


_REGION: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

# One region's ModelArts and all of Huawei Cloud Europe use other domains.
_HUAWEICLOUD_DOMAINS: Final = {"eu-west-101": "myhuaweicloud.eu"}
_MODELARTS_HOSTS: Final = {
    "ap-southeast-1": "modelarts.ap-southeast-1.myhuaweicloud.cn"
}


def read_clouds(root: Section) -> dict[str, Cloud]:
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
    provider = section.choice("provider", Provider) if "provider" in section else None
    region = section.text("region", "" if provider is None else None)
    if region and not _REGION.fullmatch(region):
        section.error("not a region name such as eu-de", "region")
        region = ""
    cloud = Cloud(
        name=name,
        region=region,
        iam_url=_endpoint(section, "iam_url", provider, region),
        modelarts_url=_endpoint(section, "modelarts_url", provider, region),
        auth=_auth(section),
        tls=_tls(section.section("tls")),
        proxy_url=_proxy(section),
        rate_limit=_rate_limit(section.section("rate_limit")),
    )
    section.close()
    return cloud


def _endpoint(
    section: Section, key: str, provider: Provider | None, region: str
) -> str:
    if key not in section:
        if provider is None:
            if "provider" not in section:
                section.error("missing; give it, or provider and region", key)
            return ""
        return _default_endpoint(key.removesuffix("_url"), provider, region)
    text = section.text(key)
    url = _url(section, key, text, ("https", "http"))
    if url and (url.query or url.fragment or "@" in url.netloc):
        section.error("must be a scheme, a host and optionally a path", key)
    return text.rstrip("/")


def _default_endpoint(service: str, provider: Provider, region: str) -> str:
    if provider is Provider.OTC:
        return f"https://{service}.{region}.otc.t-systems.com"
    if service == "modelarts" and region in _MODELARTS_HOSTS:
        return f"https://{_MODELARTS_HOSTS[region]}"
    domain = _HUAWEICLOUD_DOMAINS.get(region, "myhuaweicloud.com")
    return f"https://{service}.{region}.{domain}"


def _url(
    section: Section, key: str, text: str, schemes: tuple[str, ...]
) -> SplitResult | None:
    # Messages do not quote the text: a URL can contain a password.
    try:
        url = urlsplit(text)
        usable = url.scheme in schemes and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not text:
        return None
    if not usable:
        section.error(
            f"not a URL that starts with {' or '.join(f'{scheme}://' for scheme in schemes)}",
            key,
        )
        return None
    return url


def _proxy(section: Section) -> Secret | None:
    if "proxy_url" not in section:
        return None
    text = section.text("proxy_url")
    _url(section, "proxy_url", text, ("http", "https"))
    return Secret(text)


def _auth(section: Section) -> Auth:
    nothing = PasswordAuth(username="", password=Secret(), domain="")
    auth = section.section("auth")
    if auth is None:
        section.error(f"missing; give one of {', '.join(_AUTH_READERS)}", "auth")
        return nothing
    given: list[Auth] = []
    for key, read in _AUTH_READERS.items():
        if key in auth:
            credential = auth.possibly_empty_section(key)
            given.append(read(credential))
            credential.close()
    if len(given) != 1:
        auth.error(f"exactly one of {', '.join(_AUTH_READERS)} is needed")
    auth.close()
    return given[0] if given else nothing


def _password(section: Section) -> PasswordAuth:
    return PasswordAuth(
        username=section.text("username"),
        password=section.required_secret("password"),
        domain=section.text("domain"),
    )


def _access_key(section: Section) -> AccessKeyAuth:
    return AccessKeyAuth(
        access_key=section.text("access_key"),
        secret_key=section.required_secret("secret_key"),
        security_token=section.secret("security_token"),
    )


def _ecs_agency(section: Section) -> EcsAgencyAuth:
    url = section.text("metadata_url", EcsAgencyAuth().metadata_url)
    _url(section, "metadata_url", url, ("http", "https"))
    return EcsAgencyAuth(metadata_url=url.rstrip("/"))


_AUTH_READERS: Final[dict[str, Callable[[Section], Auth]]] = {
    "password": _password,
    "access_key": _access_key,
    "ecs_agency": _ecs_agency,
}


def _tls(section: Section | None) -> Tls:
    if section is None:
        return Tls()
    tls = Tls(
        ca_file=section.readable_file("ca_file"),
        cert_file=section.readable_file("cert_file"),
        key_file=section.readable_file("key_file"),
        insecure_skip_verify=section.boolean("insecure_skip_verify", default=False),
    )
    if tls.key_file and not tls.cert_file:
        section.error("a key without its certificate; give cert_file too", "key_file")
    if not section.document.errors:
        _check_certificates(section, tls)
    section.close()
    return tls


def _check_certificates(section: Section, tls: Tls) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if tls.ca_file:
            context.load_verify_locations(cafile=tls.ca_file)
    except (ssl.SSLError, OSError):
        section.error("holds no certificate in PEM form", "ca_file")
    try:
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file, password=lambda: b"")
    except (ssl.SSLError, OSError, ValueError):
        section.error(
            "no certificate with its unencrypted private key in PEM form", "cert_file"
        )


def _rate_limit(section: Section | None) -> RateLimit | None:
    if section is None:
        return None
    rate = section.positive("requests_per_second")
    limit = RateLimit(
        requests_per_second=rate,
        burst=section.integer("burst", max(1, round(2 * rate)), 1, 100_000),
    )
    section.close()
    return limit
