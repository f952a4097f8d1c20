"""What error answers mean, and what users are told to do about them."""

import httpx
import pytest

from hypothesis import given
from hypothesis import strategies as st

from exporter.cloud.error_codes import (
    check,
    check_success,
    error_code,
    is_credential_rejected,
    retry_after,
)
from exporter.errors import CollectionError, Reason


def answer(status, code=None, **headers):
    """Return an error answer."""
    body = {"error_code": code, "error_msg": "canary"} if code else None
    return httpx.Response(status, json=body, headers=headers)


@pytest.mark.parametrize(
    ("status", "code", "reason", "transient", "advice"),
    [
        (400, "ModelArts.0104", Reason.API, False, "page_size"),
        (400, "ModelArts.0204", Reason.PERMISSION, False, "project_id"),
        (401, None, Reason.AUTHENTICATION, False, "auth section"),
        (401, "APIG.0301", Reason.AUTHENTICATION, False, "clock"),
        (401, "APIG.0307", Reason.AUTHENTICATION, False, "auth section"),
        (401, "ModelArts.0112", Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (401, "ModelArts.4203", Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (401, "ModelArts.4630", Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (401, "ModelArts.6201", Reason.PERMISSION, False, "console"),
        (403, "ModelArts.0203", Reason.AUTHENTICATION, False, "auth section"),
        (403, "ModelArts.0206", Reason.AUTHENTICATION, False, "auth section"),
        (403, "ModelArts.0210", Reason.PERMISSION, False, "region"),
        (403, "ModelArts.0108", Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (403, "ModelArts.2785", Reason.PERMISSION, False, "authorize it once"),
        (403, None, Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (404, "APIG.0101", Reason.API, False, "every region"),
        (404, "ModelArts.2786", Reason.PERMISSION, False, "project_id"),
        (405, None, Reason.API, False, "check"),
        (408, None, Reason.API, True, "check"),
        (429, "APIG.0308", Reason.THROTTLED, True, "rate_limit"),
        (500, "ModelArts.0010", Reason.API, True, "support"),
        (500, "ModelArts.0109", Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (502, None, Reason.API, True, "support"),
        (504, None, Reason.API, True, "support"),
        (302, None, Reason.RESPONSE, False, "URL"),
        (101, None, Reason.API, False, "check"),
    ],
)
def test_meanings(status, code, reason, transient, advice):
    """Status and code decide together, the status first; advice says what to do."""
    with pytest.raises(CollectionError) as caught:
        check("training_jobs", answer(status, code), "modelarts:trainJob:list")
    failure = caught.value.failure

    assert (reason, transient) == (failure.reason, failure.transient)
    assert (status, code) == (failure.status, failure.error_code)
    assert advice in failure.advice
    assert str(status) in failure.problem
    assert "canary" not in str(caught.value)


def test_the_permission_that_is_missing_is_the_calls_own():
    """Each listing needs an action of its own."""
    with pytest.raises(CollectionError, match="modelarts:tensorboard:list"):
        check("visualization_jobs", answer(403), "modelarts:tensorboard:list")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "APIG.0301", True),
        (401, None, True),
        (401, "ModelArts.0112", False),
        (403, "ModelArts.0203", True),
        (403, "ModelArts.2784", True),
        (403, None, False),
        (500, "ModelArts.0109", False),
        (200, None, False),
    ],
)
def test_refused_credentials(status, code, expected):
    """Only what refuses the credential itself is answered by a new token."""
    assert expected is is_credential_rejected(answer(status, code))


def test_success_is_silent():
    """Success raises nothing."""
    check("training_jobs", answer(200), "")
    check_success("training_jobs", failed=False, code="ModelArts.0104")


def test_failure_in_the_body():
    """`is_success: false` is a failure that names its code."""
    with pytest.raises(CollectionError, match=r"ModelArts\.0105"):
        check_success("training_jobs", failed=True, code="ModelArts.0105")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "-7"}, None),
        ({"Retry-After": "soon"}, None),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:10 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            10.0,
        ),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:27:00 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            0.0,
        ),
    ],
)
def test_retry_after(headers, expected):
    """`Retry-After` is seconds or a date, which is compared with the server's own."""
    assert expected == retry_after(httpx.Response(429, headers=headers))


@given(st.binary(max_size=60))
def test_any_error_body(body):
    """No body of an error answer is so odd that it hides the status."""
    with pytest.raises(CollectionError, match="HTTP 500"):
        check("training_jobs", httpx.Response(500, content=body), "")


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"code": 401, "message": "canary", "title": "Unauthorized"}}',
        b'{"error": "canary"}',
        b'{"error_code": "canary canary"}',
        b"<html>canary</html>",
    ],
)
def test_only_codes_are_repeated(body):
    """What is no error code is not repeated: gateways echo signed headers."""
    assert error_code(httpx.Response(401, content=body)) is None
