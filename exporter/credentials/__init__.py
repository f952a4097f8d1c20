"""How requests prove who sends them: `httpx.Auth` flows for each kind of credential."""

from .access_key import AccessKeys, SignatureAuth
from .password import Logins, TokenAuth


__all__ = ["AccessKeys", "Logins", "SignatureAuth", "TokenAuth"]
