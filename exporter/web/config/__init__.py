"""The web configuration file: TLS, users, headers and a rate limit of the listener."""

from .current import CurrentWebConfiguration
from .model import WebConfiguration
from .tls import is_allowed


__all__ = ["CurrentWebConfiguration", "WebConfiguration", "is_allowed"]
