"""Authentication: an `httpx.Auth` flow for each kind of credential."""

from .access_keys import AccessKeys, ConfiguredKeys, SignatureAuth
from .agency import AgencyKeys
from .credential import Credential, ProjectKey, new_credential, project_key
from .tokens import TokenAuth, TokenIssuer


__all__ = [
    "AccessKeys",
    "AgencyKeys",
    "ConfiguredKeys",
    "Credential",
    "ProjectKey",
    "SignatureAuth",
    "TokenAuth",
    "TokenIssuer",
    "new_credential",
    "project_key",
]
