"""How requests prove who sends them: `httpx.Auth` flows for each kind of credential."""

from .access_key import AccessKeys, ConfiguredKeys, SignatureAuth
from .agency import AgencyKeys
from .password import Logins, TokenAuth


__all__ = [
    "AccessKeys",
    "AgencyKeys",
    "ConfiguredKeys",
    "Logins",
    "SignatureAuth",
    "TokenAuth",
]
