"""Authentication: an `httpx.Auth` flow for each kind of credential."""

from .access_keys import AccessKeys, ConfiguredKeys, SignatureAuth
from .agency import AgencyKeys
from .tokens import TokenAuth, TokenIssuer


__all__ = [
    "AccessKeys",
    "AgencyKeys",
    "ConfiguredKeys",
    "SignatureAuth",
    "TokenAuth",
    "TokenIssuer",
]
