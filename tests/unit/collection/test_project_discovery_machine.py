"""Project discovery through lists, failures, reloads and closing, in any order."""

import asyncio
import json
import time

from dataclasses import replace

import httpx

from examples import examples
from harness import password_auth
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from stepped import SteppedLoop, UnexpectedError

from exporter.cloud.discovery.project_rows import ListedProject
from exporter.collection.discovery.project_discovery import ProjectDiscovery
from exporter.collection.discovery.selection import select
from exporter.config import Cloud, Configuration, Discovery
from exporter.errors import CollectionError, Failure, Reason


BROKEN = Failure(reason=Reason.NETWORK, problem="broken", advice="wait")
LISTED = [
    ListedProject("eu-de", "1"),
    ListedProject("eu-de_vision", "2"),
    ListedProject("eu-de_speech", "3"),
    ListedProject("eu-nl_vision", "4"),
]
CLOUDS = [
    Cloud(
        name=name,
        region=region,
        iam_url=f"http://{name}",
        modelarts_url=f"http://{name}",
        auth=password_auth(),
    )
    for name, region in (("a", "eu-de"), ("b", "eu-nl"))
]


class FakeClient:
    """A fake client, whose requests wait for the machine."""

    user_id = ""

    def __init__(self, cloud, requests):
        self.cloud = cloud
        self._requests = requests

    async def ask(self, project, call, deadline):
        """Wait for the machine's answer."""
        asked = self, asyncio.get_running_loop().create_future()
        self._requests.append(asked)
        try:
            return await asked[1]
        finally:
            self._requests.remove(asked)

    async def is_credential_changed(self):
        """Return false: the credential never changes."""
        return False


class ProjectDiscoveryMachine(RuleBasedStateMachine):
    """The lists decide what is collected, whatever happens, and nothing leaks."""

    def __init__(self):
        super().__init__()
        self.loop = SteppedLoop()
        self.requests = []
        self.lists = {}
        self.is_open = True
        self.has_bug = False
        self.configuration = self._configured((Discovery(), None))
        self.clients = self._clients_of(self.configuration)
        self.loop.step(self._start())
        self.reported = self.discovery.selection

    async def _start(self):
        self.discovery = ProjectDiscovery(
            self.configuration,
            lambda name: self.clients[name],
            self._report,
            clock=time.time,
        )

    def _report(self, selection):
        if self.has_bug:
            raise UnexpectedError
        self.reported = selection

    def _configured(self, discoveries):
        clouds = tuple(
            replace(cloud, discovery=discovery)
            for cloud, discovery in zip(CLOUDS, discoveries, strict=True)
        )
        return Configuration(clouds=clouds, projects=())

    def _clients_of(self, configuration):
        return {
            cloud.name: FakeClient(cloud, self.requests)
            for cloud in configuration.clouds
        }

    @precondition(lambda self: self.requests)
    @rule(
        data=st.data(),
        listed=st.lists(st.sampled_from(LISTED), min_size=4, unique=True),
        outcome=st.sampled_from(["list", "list", "broken", "bug", "caller's bug"]),
        closing=st.booleans(),
    )
    def answer(self, data, listed, outcome, closing):
        """A list is answered, perhaps in the tick in which discovery is closed."""
        client, answer = data.draw(st.sampled_from(self.requests))
        self.has_bug = outcome == "caller's bug"
        match outcome:
            case "broken":
                answer.set_exception(CollectionError(BROKEN))
            case "bug":
                answer.set_exception(UnexpectedError)
            case _:
                rows = [{"id": p.project_id, "name": p.name} for p in listed]
                body = json.dumps({"projects": rows}).encode()
                answer.set_result(httpx.Response(200, content=body))
                if not closing:
                    self.lists[client.cloud.name] = listed
        if closing:
            self.close()
        else:
            self.loop.step()
        self.has_bug = False

    @precondition(lambda self: self.is_open)
    @rule(
        discoveries=st.tuples(
            *[
                st.none()
                | st.builds(Discovery, include=st.sampled_from([("*",), ("*_vision",)]))
            ]
            * 2
        ),
        new_clients=st.booleans(),
    )
    def reload(self, discoveries, new_clients):
        """The configuration changes, perhaps together with the clients."""
        self.configuration = self._configured(discoveries)
        if new_clients:
            self.clients = self._clients_of(self.configuration)
        preview = self.discovery.selection_for(self.configuration)
        self.loop.step(self._reload())
        for cloud in self.configuration.clouds:
            if cloud.discovery is None:
                self.lists.pop(cloud.name, None)
        assert self.discovery.selection.projects == preview.projects
        self.reported = self.discovery.selection

    async def _reload(self):
        self.discovery.configure(self.configuration)

    @rule(seconds=st.sampled_from([1, 12, 40, 4000]))
    def wait(self, seconds):
        """Time passes: hanging lists time out, and others start."""
        self.loop.advance(seconds)

    @rule()
    def close(self):
        """Discovery is closed, and sends no more requests."""
        self.is_open = False
        self.loop.step(self.discovery.aclose())
        assert not self.requests
        self.lists.clear()

    @invariant()
    def collects_what_is_listed(self):
        """The selection follows the last lists; a failing callback only delays it."""
        if not self.is_open:
            return
        expected = select(self.configuration, self.lists, {})
        assert self.discovery.selection_for(self.configuration) == expected
        assert self.discovery.selection.projects == self.reported.projects

    @invariant()
    def leaks_nothing(self):
        """Each cloud with discovery has one refresher, and one request at a time."""
        discovering = [c.name for c in self.configuration.clouds if c.discovery]
        asked = [client for client, _ in self.requests]
        assert len(asked) == len(set(asked))
        assert {client.cloud.name for client in asked} <= set(discovering)
        assert set(asked) <= set(self.clients.values())
        assert len(self.loop.tasks()) == (len(discovering) if self.is_open else 0)

    def teardown(self):
        """Close the discovery."""
        self.loop.step(self.discovery.aclose())
        self.loop.end()


TestProjectDiscovery = ProjectDiscoveryMachine.TestCase
TestProjectDiscovery.settings = settings(
    max_examples=examples(60), stateful_step_count=30
)
