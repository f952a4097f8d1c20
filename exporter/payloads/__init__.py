"""What the APIs answer, decoded: numbers, rows of listings, and each API's own shapes."""

from .numbers import Number, identities, identity, limit, time, times, whole, wholes
from .rows import Page, Row, StatusOf, job_of
from .v1 import V1Detail, V1Job, V1Listing, v1_detail, v1_listing, v1_status
from .v2 import V2Quotas, V2Search, v2_quotas, v2_search, v2_status


__all__ = [
    "Number",
    "Page",
    "Row",
    "StatusOf",
    "V1Detail",
    "V1Job",
    "V1Listing",
    "V2Quotas",
    "V2Search",
    "identities",
    "identity",
    "job_of",
    "limit",
    "time",
    "times",
    "v1_detail",
    "v1_listing",
    "v1_status",
    "v2_quotas",
    "v2_search",
    "v2_status",
    "whole",
    "wholes",
]
