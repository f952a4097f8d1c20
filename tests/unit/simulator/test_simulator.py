"""The simulated cloud behaves as the API reference says, with faults and locks."""

import random

from urllib.parse import quote, urlencode

import httpx
import msgspec
import pytest

from harness import PASSWORD, SECRET_KEY, simulated
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collectors.jobs.kinds import Kind
from exporter.collectors.jobs.statuses import V1_STATUSES
from exporter.collectors.phases import Phase
from exporter.simulator import (
    Dialect,
    Effect,
    Fault,
    Jobs,
    Plan,
    Stream,
    demo_cloud,
    serve,
)
from exporter.simulator.clock import ManualClock, RealClock
from exporter.simulator.modelarts import list_jobs


PROJECT = f"{1:032x}"
OTHER = f"{2:032x}"


@pytest.fixture
async def cloud():
    """Run a cloud with two projects; yields a client with its URL."""
    cloud = simulated("a", "b")
    async with (
        serve(cloud) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        yield cloud, client


async def log_in(client, password=PASSWORD, project_id=PROJECT) -> httpx.Response:
    """Log in."""
    user = {"name": "exporter", "password": password, "domain": {"name": "OTC1"}}
    identity = {"methods": ["password"], "password": {"user": user}}
    scope = {"project": {"id": project_id}}
    return await client.post(
        "/v3/auth/tokens", json={"auth": {"identity": identity, "scope": scope}}
    )


async def listed(
    client, token, kind="training", project_id=PROJECT, **query
) -> httpx.Response:
    """List jobs with a token."""
    return await client.get(
        f"/v1/{project_id}/{kind}-jobs", params=query, headers={"X-Auth-Token": token}
    )


async def token_of(client, **login) -> str:
    """Return a token."""
    return (await log_in(client, **login)).headers["X-Subject-Token"]


async def test_the_defaults_are_the_references(cloud):
    """By default, ten jobs come, sorted by name."""
    _, client = cloud
    answer = (await listed(client, await token_of(client))).json()

    assert len(answer["jobs"]) == 10
    assert answer["job_total_count"] == 13
    assert answer["jobs"] == sorted(answer["jobs"], key=lambda job: job["job_name"])
    assert (answer["quotas"], answer["job_count_limit"]) == (5, 87)


@pytest.mark.parametrize(
    "query",
    [
        {"per_page": 0},
        {"per_page": 1001},
        {"per_page": "many"},
        {"page": 0},
        {"page": 65536},
        {"sortBy": "job_id"},
        {"order": "up"},
        {"search_content": "x" * 65},
        {"status": "running"},
    ],
    ids=str,
)
async def test_parameters_are_checked(cloud, query):
    """Parameters out of range are rejected as the API rejects them."""
    _, client = cloud
    response = await listed(client, await token_of(client), **query)

    assert response.status_code == 400
    assert response.json()["error_code"] == "ModelArts.0104"
    assert response.json()["is_success"] is False


@given(
    number=st.integers(0, 40),
    size=st.integers(1, 15),
    order=st.sampled_from(["asc", "desc"]),
    sort=st.sampled_from(["create_time", "job_name", "status", "duration"]),
)
def test_pages_are_the_whole_list(number, size, order, sort):
    """Pages of any size and order have every job exactly once."""

    jobs = Jobs(Kind.TRAINING)
    jobs.history(number, 1_700_000_000.0)
    found, page = [], 1
    while True:
        query = {
            "per_page": str(size),
            "page": str(page),
            "sortBy": sort,
            "order": order,
        }
        answer = msgspec.json.decode(
            list_jobs(jobs, query, 1_700_000_000.0, Dialect()).body
        )
        assert answer["job_total_count"] == number
        if not answer["jobs"]:
            break
        found += [job["job_id"] for job in answer["jobs"]]
        page += 1

    assert sorted(found) == [job.job_id for job in jobs.jobs]
    assert page - 1 == -(-number // size)


@pytest.mark.slow
async def test_totals_follow_the_filter(cloud):
    """`job_total_count` counts the jobs that match the query."""
    simulated_cloud, client = cloud
    counts = simulated_cloud.projects[0].training.counts()
    token = await token_of(client)
    for status in V1_STATUSES:
        answer = (await listed(client, token, status=status, per_page=1)).json()
        assert answer["job_total_count"] == counts[status]


async def test_tokens(cloud):
    """A token is for one project, until it expires."""
    simulated_cloud, client = cloud
    response = await log_in(client)
    token = response.headers["X-Subject-Token"]

    assert response.status_code == 201
    assert response.json()["token"]["expires_at"].endswith("Z")
    assert (await listed(client, token)).status_code == 200
    other = await listed(client, token, project_id=OTHER)
    assert (other.status_code, other.json()["error_code"]) == (403, "ModelArts.0210")
    none = await client.get(f"/v1/{PROJECT}/training-jobs")
    assert (none.status_code, none.json()["error_code"]) == (401, "APIG.0301")
    simulated_cloud.clock.advance(86_401)
    ended = await listed(client, token)
    assert (ended.status_code, ended.json()["error_code"]) == (401, "APIG.0307")


async def test_wrong_passwords_lock_the_account(cloud):
    """After five wrong passwords even the right one is rejected, for 15 minutes."""
    simulated_cloud, client = cloud
    for _ in range(5):
        assert (await log_in(client, "wrong")).status_code == 401
    assert (await log_in(client)).status_code == 401
    simulated_cloud.clock.advance(901)
    assert (await log_in(client)).status_code == 201


def signed(method, path, query, secret_key, token=None) -> dict[str, str]:
    """Return the headers of a request that the official SDK has signed."""
    credentials = BasicCredentials("AKCANARY", secret_key, PROJECT)
    if token is not None:
        credentials.with_security_token(token)
    request = SdkRequest(
        method=method,
        schema="http",
        host="cloud",
        resource_path=path,
        query_params=query,
        header_params={},
        body="",
    )
    return dict(credentials.sign_request(request).header_params)


async def test_requests_signed_by_the_official_sdk(cloud):
    """The SDK's signatures are accepted, even with odd characters; others are not."""
    simulated_cloud, client = cloud
    path = f"/v1/{PROJECT}/training-jobs"
    for search in ("a b", "a+b", "c/é~", "100%", "", "&=?"):
        query = [("search_content", search), ("per_page", "5")]
        url = f"{path}?{urlencode(query, quote_via=quote)}"
        good = await client.get(url, headers=signed("GET", path, query, SECRET_KEY))
        assert good.status_code == 200
        bad = await client.get(url, headers=signed("GET", path, query[:1], SECRET_KEY))
        assert bad.status_code == 401
    assert simulated_cloud.identity.refused_signatures == 6


async def test_rejected_signatures_lock_the_key(cloud):
    """More than five rejected signatures in a row lock the key for five minutes."""
    simulated_cloud, client = cloud
    path = f"/v1/{PROJECT}/training-jobs"
    for _ in range(6):
        response = await client.get(path, headers=signed("GET", path, [], "wrong"))
        assert response.json()["error_code"] == "APIG.0301"
    locked = await client.get(path, headers=signed("GET", path, [], SECRET_KEY))
    assert "reach the limit" in locked.json()["error_msg"]
    simulated_cloud.clock.advance(301)
    good = await client.get(path, headers=signed("GET", path, [], SECRET_KEY))
    assert good.status_code == 200


async def test_old_signatures_are_rejected(cloud):
    """A signature whose date is off by more than 15 minutes is rejected."""
    _, client = cloud
    headers = {
        "X-Sdk-Date": "20240102T030405Z",
        "Authorization": "SDK-HMAC-SHA256 Access=AKCANARY, SignedHeaders=host, "
        f"Signature={'0' * 64}",
    }
    response = await client.get(f"/v1/{PROJECT}/training-jobs", headers=headers)

    assert response.json()["error_code"] == "APIG.0303"


async def test_a_visualization_jobs_details(cloud):
    """A running job has its remaining time; others have null, or do not exist."""
    simulated_cloud, client = cloud
    jobs = simulated_cloud.projects[0].visualization
    running = jobs.create_job(8, created=simulated_cloud.clock.now() - 60)
    headers = {"X-Auth-Token": await token_of(client)}
    path = f"/v1/{PROJECT}/visualization-jobs"
    answers = [
        (await client.get(f"{path}/{job_id}", headers=headers)).json()
        for job_id in (running.job_id, jobs.jobs[0].job_id, 999)
    ]

    assert answers[0]["remaining_duration"] == pytest.approx(
        (8 * 3600 - 60) * 1000, abs=5
    )
    assert answers[1]["remaining_duration"] is None
    assert answers[2]["is_success"] is False


async def test_faults_over_http(cloud):
    """Faults are switched on and off over HTTP; an invalid one is rejected."""
    _, client = cloud
    token = await token_of(client)
    fault = {"effect": "status", "status": 503, "api": "training_jobs", "times": 1}
    assert (await client.post("/simulator/faults", json=fault)).status_code == 200
    assert (await listed(client, token)).status_code == 503
    assert (await listed(client, token)).status_code == 200
    assert (await client.get("/simulator/faults")).json()[0]["met"] == 1
    assert (await client.delete("/simulator/faults")).json() == []
    wrong = await client.post("/simulator/faults", json={"effect": "nonsense"})
    assert wrong.status_code == 400
    assert "curl" in (await client.get("/")).text
    assert (await client.get("/nowhere")).json()["error_code"] == "APIG.0101"


@pytest.mark.parametrize("effect", [e for e in Effect if e is not Effect.HANG])
@pytest.mark.slow
async def test_every_fault_has_an_effect(cloud, effect):
    """A fault changes the answer, or prevents it."""
    unchanged = {Effect.DELAY, Effect.GZIP, Effect.COOKIE}
    simulated_cloud, client = cloud
    token = await token_of(client)
    right = await listed(client, token, per_page=100)
    with simulated_cloud.faults.on(
        Fault(effect=effect, seconds=0.01, fields={"job_id": "1e400"})
    ):
        try:
            answer = await listed(client, token, per_page=100)
        except httpx.TransportError:
            answer = None

    same = answer is not None and (answer.status_code, answer.content) == (
        right.status_code,
        right.content,
    )
    assert same == (effect in unchanged)


@given(
    seed=st.integers(0, 1000),
    steps=st.lists(st.floats(0.1, 500.0), min_size=1, max_size=15),
)
def test_jobs_live_by_the_rules(seed, steps):
    """
    At any time, quota and capacity hold, and jobs only move forward.

    Many small steps of time lead to the same state as one large step.
    """
    now = 1_700_000_000.0
    jobs, at_once = _streaming(seed), _streaming(seed)
    jobs.advance(now)
    at_once.advance(now)
    for step in steps:
        durations = {job.job_id: job.duration(now) or 0.0 for job in jobs.jobs}
        ended = {job.job_id for job in jobs.jobs if job.ended is not None}
        now += step
        jobs.advance(now)
        counts = jobs.counts()
        running = sum(
            n
            for status, n in counts.items()
            if V1_STATUSES[status].phase is Phase.RUNNING
        )
        assert running <= jobs.quota
        assert len(jobs.jobs) <= jobs.capacity
        assert sum(counts.values()) == len(jobs.jobs)
        assert [job.created for job in jobs.jobs] == sorted(
            job.created for job in jobs.jobs
        )
        for job in jobs.jobs:
            assert (job.duration(now) or 0.0) >= durations.get(job.job_id, 0.0)
            assert job.ended is not None or job.job_id not in ended
            assert (job.started is None) == (job.status in {1, 2, 4, 7})
    at_once.advance(now)
    assert at_once.counts() == jobs.counts()


def _streaming(seed) -> Jobs:
    def plan(chance: random.Random) -> Plan:
        return Plan(
            chance.uniform(1, 5), chance.uniform(5, 300), chance.choice([10, 11])
        )

    return Jobs(
        Kind.TRAINING,
        quota=3,
        capacity=25,
        stream=Stream(20.0, plan, keep=20),
        seed=seed,
    )


def test_the_demos_projects():
    """Busy, full, exhausted, failing and empty projects are so from the start."""
    clock = ManualClock(1_700_000_000.0)
    projects = {project.name: project for project in demo_cloud(clock).projects}
    for project in projects.values():
        project.training.advance(clock.now())
    full, failing = projects["speech"].training, projects["forecast"].training
    failed = sum(
        n
        for status, n in failing.counts().items()
        if V1_STATUSES[status].phase is Phase.FAILED
    )

    assert len(projects["vision"].training.jobs) > 1000
    assert full.counts()[8] == full.quota
    assert full.counts()[7] > 0
    assert projects["ranking"].training.remaining <= 3
    assert failed > 100
    assert (
        max(job.duration(clock.now()) for job in failing.jobs if job.status == 8)
        > 86_400
    )
    assert not projects["sandbox"].training.jobs


def test_the_clock_can_be_fast():
    """A fast clock starts at the real time and runs ahead of it."""
    clock = RealClock(speed=1_000_000.0)
    first = clock.now()
    while clock.now() == first:
        pass

    assert clock.now() - first > 0.5
