"""
The answers of the notebook APIs, decoded into the needed fields.

A row also has `token` and `url`, which let anyone into the notebook: they are not
decoded, so that they cannot get anywhere.

Source: ModelArts API reference, "Querying All Notebook Instances" (`ListAllNotebooks`)
and "Querying Notebook Instances" (`ListNotebooks`).
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..item_pages import TextId
from ..numbers import Number, to_millis


class Lease(msgspec.Struct, gc=False):
    """What stops a notebook by itself; times in milliseconds."""

    create_at: Number = None
    duration: Number = None
    enable: bool | str | None = None
    type: str | None = None


class Pool(msgspec.Struct, gc=False):
    """The dedicated pool that a notebook runs in."""

    id: str | None = None


class User(msgspec.Struct, gc=False):
    """Whose notebook it is."""

    name: str | None = None


class Volume(msgspec.Struct, gc=False):
    """A notebook's storage; `capacity` in GB."""

    capacity: Number = None
    category: str | None = None


class CustomSpec(msgspec.Struct, gc=False):
    """What a notebook uses of a pool's nodes."""

    resource_flavor: str | None = None


class NotebookRow(msgspec.Struct):
    """A notebook in a list."""

    id: TextId
    name: str | None = None
    status: str | None = None
    flavor: str | None = None
    custom_spec: CustomSpec | None = None
    lease: Lease | None = None
    pool: Pool | None = None
    user: User | None = None
    volume: Volume | None = None
    workspace_id: str | int | None = None

    @property
    def object_id(self) -> str:
        """Its ID."""
        return self.id

    @property
    def created(self) -> float | None:
        """When it was created, in milliseconds. Raises `CollectionError`."""
        lease = self.lease
        return None if lease is None else to_millis(lease.create_at, "create_at")


class NotebookListing(msgspec.Struct):
    """A page of notebooks; `total` is of all pages."""

    data: list[NotebookRow] | None = None
    total: Number = None


NOTEBOOKS_DECODER: Final = msgspec.json.Decoder(NotebookListing)
