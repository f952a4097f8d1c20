"""The failure of one project and kind does not affect the others."""

import pytest

from harness import exporting_from, key_auth, password_auth, simulated

from exporter.simulator import Effect, Fault


OTHERS = [
    ("a", "training"),
    ("a", "visualization"),
    ("b", "visualization"),
    ("c", "training"),
    ("c", "visualization"),
]

FAULTS = {
    "401": (Fault(effect=Effect.STATUS, status=401), "authentication"),
    "401 no permission": (
        Fault(effect=Effect.STATUS, status=401, code="ModelArts.0112"),
        "permission",
    ),
    "403": (
        Fault(effect=Effect.STATUS, status=403, code="ModelArts.0108"),
        "permission",
    ),
    "404": (Fault(effect=Effect.STATUS, status=404, code="APIG.0101"), "api"),
    "429": (Fault(effect=Effect.STATUS, status=429, retry_after="60"), "throttled"),
    "500": (Fault(effect=Effect.STATUS, status=500, code="ModelArts.0010"), "api"),
    "HTML 502": (Fault(effect=Effect.HTML, status=502), "api"),
    "HTML 200": (Fault(effect=Effect.HTML, status=200), "response"),
    "truncated": (Fault(effect=Effect.TRUNCATED), "response"),
    "is_success false": (Fault(effect=Effect.NOT_SUCCESSFUL), "api"),
    "hang": (Fault(effect=Effect.HANG), "timeout"),
    "reset": (Fault(effect=Effect.RESET), "network"),
    "break": (Fault(effect=Effect.BREAK), "network"),
    "endless": (Fault(effect=Effect.ENDLESS), "response"),
    "repeating": (Fault(effect=Effect.REPEATING), "response"),
    "redirect": (Fault(effect=Effect.REDIRECT), "response"),
    "oversized": (Fault(effect=Effect.OVERSIZED), "response"),
    "bomb": (Fault(effect=Effect.BOMB), "response"),
}


@pytest.mark.parametrize(
    "auth",
    # Repeating all faults takes half a minute.
    [password_auth, pytest.param(key_auth, marks=pytest.mark.slow)],
    ids=["password", "key"],
)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "hang" else name
        for name in FAULTS
    ],
)
async def test_a_failure_costs_one_project_and_kind(logged, fault, auth):
    """
    The failing kind is down with its reason and one log line; all others stay up.

    The failure comes after a complete scrape, so that the credential is already
    accepted.
    """
    cloud = simulated("a", "b", "c")
    switched, reason = FAULTS[fault]
    project_id = cloud.projects[1].project_id
    # The others have to be collected by then, even on a busy machine.
    seconds = 1.5 if switched.effect is Effect.HANG else 20.0
    async with exporting_from(cloud, auth(), timeout=seconds) as exporter:
        before = await exporter.scrape()
        logged()
        cloud.faults.add(
            Fault(
                effect=switched.effect,
                project_id=project_id,
                api="training_jobs",
                status=switched.status,
                code=switched.code,
                retry_after=switched.retry_after,
            )
        )
        scrape = await exporter.scrape()
        lines = [line for line in logged() if "collection failed" in line]
        cloud.faults.clear()

    assert set(before.up().values()) == {1.0}
    assert scrape.up()["b", "training"] == 0
    assert [scrape.up()[other] for other in OTHERS] == [1.0] * 5
    assert scrape.errors("b", "training") == {reason: 1.0}
    for name in (
        "jobs",
        "created_jobs",
        "running_job_quota",
        "job_duration_seconds_bucket",
    ):
        assert not scrape.series(name, project="b", kind="training")
        assert scrape.series(name, project="c", kind="training")
    assert len(lines) == 1
    assert "project=b" in lines[0]
    assert "api=training_jobs" in lines[0]
    assert f"reason={reason}" in lines[0]
    assert "advice=" in lines[0]
    if switched.effect is Effect.STATUS:
        assert f"status={switched.status}" in lines[0]
        assert switched.code is None or f"error_code={switched.code}" in lines[0]


@pytest.mark.parametrize("page", [1, 2, 3])
@pytest.mark.slow
async def test_one_bad_page_makes_the_listing_unknown(page):
    """If any page fails, there is no listing: half a count is never published."""
    cloud = simulated("a", "b")
    cloud.faults.add(
        Fault(
            effect=Effect.TRUNCATED,
            project_id=cloud.projects[0].project_id,
            api="training_jobs",
            from_page=page,
        )
    )
    async with exporting_from(cloud, page_size=5) as exporter:
        for _ in range(2):
            scrape = await exporter.scrape()
            assert scrape.up()["a", "training"] == 0
            assert scrape.up()["b", "training"] == 1
            assert not scrape.series("jobs", project="a", kind="training")
            assert not scrape.series("created_jobs", project="a", kind="training")
    assert {asked.page for asked in cloud.asked("training_jobs")} >= {1, 2, 3}
    assert all(
        "sortBy=create_time" in asked.query and "order=asc" in asked.query
        for asked in cloud.asked("training_jobs")
    )


@pytest.mark.slow
async def test_a_failure_that_lasts_is_logged_once(logged, monkeypatch):
    """A failure is logged when it begins, changes, persists and ends."""
    cloud = simulated("a")
    cloud.identity.token_seconds = 1e9
    fault = Fault(effect=Effect.STATUS, status=404, api="training_jobs")
    async with exporting_from(cloud) as exporter:
        cloud.faults.add(fault)
        for _ in range(5):
            scrape = await exporter.scrape()
        fault.status = 403
        for _ in range(5):
            await exporter.scrape()
        monkeypatch.setattr("exporter.collection.failure_log._SUMMARY_SECONDS", 0.0)
        await exporter.scrape()
        cloud.faults.clear()
        for _ in range(3):
            await exporter.scrape()
        lines = [line for line in logged() if " level=debug " not in line]

    assert scrape.errors("a", "training") == {"api": 5}
    assert ["failures=1", "failures=6", "failures=11", "failures=11"] == [
        next(word for word in line.split() if word.startswith("failures="))
        for line in lines
    ]
    assert [line.partition("msg=")[2].partition(" project")[0] for line in lines] == [
        *['"collection failed"'] * 3,
        '"collection recovered"',
    ]
