"""
The regions of the providers, and the endpoints that they have there.

Of Open Telekom Cloud as its list of regions and endpoints has them, of Huawei Cloud as
its SDKs do.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from .model import Provider


class Service(StrEnum):
    """What the exporter asks, as it begins the name of its hosts."""

    IAM = "iam"
    MODELARTS = "modelarts"


_HUAWEICLOUD_EUROPE: Final = "eu-west-101"
_OTC_SWITZERLAND: Final = "eu-ch2"

REGIONS: Final = {
    Provider.OTC: ("eu-de", "eu-nl", _OTC_SWITZERLAND),
    Provider.HUAWEICLOUD: (
        "af-north-1",
        "af-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "cn-east-3",
        "cn-east-4",
        "cn-north-1",
        "cn-north-2",
        "cn-north-4",
        "cn-north-9",
        "cn-north-11",
        "cn-north-12",
        "cn-south-1",
        "cn-southwest-2",
        "cn-southwest-3",
        _HUAWEICLOUD_EUROPE,
        "la-north-2",
        "la-south-2",
        "me-east-1",
        "sa-brazil-1",
        "tr-west-1",
    ),
}
"""Those of Huawei Cloud that have ModelArts."""

WITHOUT_MODELARTS: Final = frozenset(("eu-nl",))
"""Regions that are known, but not to have ModelArts."""

# These have no host of their own; the global one knows all projects.
_GLOBAL_IAM: Final = frozenset(
    ("af-north-1", "cn-north-11", "cn-north-12", "cn-southwest-3", "tr-west-1")
)


def default_endpoint(service: Service, provider: Provider, region: str) -> str | None:
    """Return the URL of a service, or None if it has none of the usual form."""
    if provider is Provider.OTC:
        if region != _OTC_SWITZERLAND:
            return f"https://{service}.{region}.otc.t-systems.com"
        is_iam = service is Service.IAM
        return "https://iam-pub.eu-ch2.sc.otc.t-systems.com" if is_iam else None
    if region == _HUAWEICLOUD_EUROPE:
        return f"https://{service}.{region}.myhuaweicloud.eu"
    if service is Service.IAM and region in _GLOBAL_IAM:
        return "https://iam.myhuaweicloud.com"
    if service is Service.MODELARTS and region == "ap-southeast-1":
        return "https://modelarts.ap-southeast-1.myhuaweicloud.cn"
    return f"https://{service}.{region}.myhuaweicloud.com"


def is_in_region(project_name: str, region: str) -> bool:
    """Return whether a project of this name belongs to `region`."""
    # Not without the underscore: eu-west-1 is a prefix of eu-west-101.
    return project_name == region or project_name.startswith(f"{region}_")
