"""Polls one project's services of an API version."""

from __future__ import annotations

from collections import Counter

from ...cloud.session import Session
from ...config import CollectionSettings
from ..base import Target
from ..list_poller import ListPoller
from ..remembered_counts import RememberedCounts
from .requests import ServicesApi, V1ServicesApi, V2ServicesApi
from .service import ServiceKind
from .snapshot import ServiceSnapshot, oldest_transitions, select_services


class ServicePoller(ListPoller[ServiceSnapshot]):
    """Polls the services, and remembers what types and statuses there were."""

    def __init__(self, target: Target, settings: CollectionSettings) -> None:
        is_second = target.api_version == "v2"
        self._api: ServicesApi = V2ServicesApi() if is_second else V1ServicesApi()
        super().__init__(target, settings, self._api.operation)
        self._counts: RememberedCounts[ServiceKind] = RememberedCounts()
        self._without_end: RememberedCounts[str] = RememberedCounts()

    async def snapshot(self, session: Session) -> ServiceSnapshot:
        """Return the services that exist now. Raises `CollectionError`."""
        services = await self._api.services(session)
        endless = Counter(dict.fromkeys((one.kind.type for one in services), 0))
        endless.update(
            one.kind.type for one in services if one.is_running and not one.has_end
        )
        series = self.settings.service_series
        return ServiceSnapshot(
            counts=self._counts.added_to(Counter(one.kind for one in services)),
            without_end=self._without_end.added_to(endless),
            oldest_transition=oldest_transitions(services),
            selected=select_services(services, series.max_per_project)
            if series.enabled
            else (),
        )
