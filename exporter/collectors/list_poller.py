"""Polls a product that is a list: what it takes, and nothing beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from ..cloud.session import Session
from ..config import CollectionSettings
from ..errors import CollectionError
from .base import Progress, Reading, Snapshot, Target
from .examination import Examination, MissingPart


SnapshotT = TypeVar("SnapshotT", bound=Snapshot)


class ListPoller(ABC, Generic[SnapshotT]):
    """Polls one project's objects; a product says how they are listed."""

    missing_part: ClassVar[str] = "details"
    """What partial failures cost."""

    def __init__(
        self, target: Target, settings: CollectionSettings, operation: str
    ) -> None:
        self.settings = settings
        self.operation = operation
        self._labels = target.labels()

    @abstractmethod
    async def snapshot(self, session: Session) -> SnapshotT:
        """Return what exists now. Raises `CollectionError`."""

    async def poll(self, session: Session, progress: Progress) -> SnapshotT:
        """Return what exists now. Raises `CollectionError`."""
        return await self.snapshot(session)

    def reading(self, snapshot: Snapshot | None) -> Reading:
        """Return what becomes metrics, with the labels that all its series have."""
        return Reading(self._labels, snapshot)

    def reconfigure(self, settings: CollectionSettings) -> bool:
        """Use other settings from the next poll on."""
        self.settings = settings
        return True

    async def examine(self, session: Session) -> Examination:
        """List the objects once, for the command `check`."""
        try:
            found = await self.snapshot(session)
        except CollectionError as error:
            return Examination(failure=error.failure)
        missing = (
            MissingPart(self.missing_part, failure)
            for failure in found.partial_failures
        )
        return Examination(number=found.number, missing=tuple(missing))
