"""What error answers mean, and the advice that users get about them."""

from dataclasses import replace

import httpx
import pytest

from hypothesis import given
from hypothesis import strategies as st

from exporter.cloud.error_body import error_code, request_id
from exporter.cloud.error_codes import (
    check,
    check_success,
    is_credential_rejected,
    rejects_parameter,
    retry_after,
)
from exporter.cloud.request_context import RequestContext
from exporter.errors import CollectionError, Reason


URL = "https://modelarts.eu-de.otc.t-systems.com/v1/0a1b/training-jobs"


LISTING = RequestContext(
    operation="training_jobs", project="vision", action="modelarts:trainJob:list"
)


def answer(status, code=None, context=LISTING, **response):
    """Return an answer to a request in `context`, by default an error."""
    if not response.keys() & {"content", "json"} and code:
        response["json"] = {"error_code": code, "error_msg": "canary"}
    request = httpx.Request(
        "GET", f"{URL}?token=canary", extensions=context.extensions()
    )
    return httpx.Response(status, request=request, **response)


@pytest.mark.parametrize(
    ("status", "code", "reason", "transient", "advice"),
    [
        (400, "ModelArts.0104", Reason.API, False, "page_size"),
        (400, "IAM.0011", Reason.API, False, "check"),
        (400, "IAM.1104", Reason.AUTHENTICATION, False, "auth section"),
        (400, "IAM.1105", Reason.AUTHENTICATION, False, "auth section"),
        (400, "IAM.1106", Reason.AUTHENTICATION, False, "auth section"),
        (400, "IAM.1107", Reason.AUTHENTICATION, False, "auth section"),
        (400, "IAM.1108", Reason.AUTHENTICATION, False, "auth section"),
        (400, "IAM.1109", Reason.PERMISSION, False, "project_id"),
        (400, "ModelArts.0204", Reason.PERMISSION, False, "project_id"),
        (401, None, Reason.AUTHENTICATION, False, "auth section"),
        (401, "APIG.0301", Reason.AUTHENTICATION, False, "clock"),
        (401, "APIG.0307", Reason.AUTHENTICATION, False, "auth section"),
        (401, "APIGW.0301", Reason.AUTHENTICATION, False, "auth section"),
        (401, "IAM.0001", Reason.AUTHENTICATION, False, "auth section"),
        (401, "IAM.0061", Reason.AUTHENTICATION, False, "wait 15 minutes"),
        (401, "IAM.0064", Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (401, "ModelArts.0112", Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (401, "ModelArts.4203", Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (401, "ModelArts.4630", Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (401, "ModelArts.6201", Reason.PERMISSION, False, "console"),
        (403, "IAM.0003", Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (403, "IAM.0080", Reason.AUTHENTICATION, False, "auth section"),
        (403, "IAM.0081", Reason.AUTHENTICATION, False, "auth section"),
        (403, "IAM.0082", Reason.AUTHENTICATION, False, "auth section"),
        (403, "IAM.0083", Reason.PERMISSION, False, "region"),
        (403, "ModelArts.50004000", Reason.PERMISSION, False, "trainJob:list"),
        (403, "ModelArts.0203", Reason.AUTHENTICATION, False, "auth section"),
        (403, "ModelArts.0206", Reason.AUTHENTICATION, False, "auth section"),
        (403, "ModelArts.0210", Reason.PERMISSION, False, "region"),
        (403, "ModelArts.0108", Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (403, "ModelArts.2785", Reason.PERMISSION, False, "authorize it once"),
        (403, None, Reason.PERMISSION, False, "modelarts:trainJob:list"),
        (404, "APIG.0101", Reason.API, False, "every region"),
        (404, "APIGW.0101", Reason.API, False, "every region"),
        (404, None, Reason.API, False, "every region"),
        (404, "ModelArts.50004000", Reason.API, False, "project_id"),
        (404, "ModelArts.2836", Reason.API, False, "every region"),
        (404, "ModelArts.2786", Reason.PERMISSION, False, "project_id"),
        (405, None, Reason.API, False, "check"),
        (408, None, Reason.API, True, "check"),
        (410, "IAM.0020", Reason.API, True, "wait"),
        (410, None, Reason.API, True, "wait"),
        (429, "IAM.0012", Reason.THROTTLED, True, "rate_limit"),
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
    """The status decides before the code; the advice says what to do."""
    with pytest.raises(CollectionError) as caught:
        check(answer(status, code))
    failure = caught.value.failure

    assert (reason, transient) == (failure.reason, failure.transient)
    assert (status, code) == (failure.status, failure.error_code)
    assert advice in failure.advice
    assert str(status) in failure.problem
    assert "canary" not in str(caught.value)


def test_the_missing_permission_is_the_calls_own():
    """Each listing needs a permission of its own."""
    with pytest.raises(CollectionError, match="modelarts:tensorboard:list"):
        check(
            answer(403, context=replace(LISTING, action="modelarts:tensorboard:list"))
        )


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "APIG.0301", True),
        (401, None, True),
        (401, "ModelArts.0112", False),
        (401, "IAM.0061", True),
        (401, "IAM.0064", False),
        (400, "IAM.1108", True),
        (400, "IAM.1109", False),
        (403, "IAM.0081", True),
        (403, "IAM.0003", False),
        (410, "IAM.0020", False),
        (403, "ModelArts.0203", True),
        (403, "ModelArts.2784", True),
        (403, None, False),
        (500, "ModelArts.0109", False),
        (200, None, False),
    ],
)
def test_rejected_credentials(status, code, expected):
    """Only an answer that rejects the credential itself leads to a new token."""
    assert expected is is_credential_rejected(answer(status, code))


def test_success():
    """A success raises nothing."""
    check(answer(200))
    check_success(answer(200), failed=False, code="ModelArts.0104")


def test_failure_in_the_body():
    """`is_success: false` is a failure that names its code."""
    with pytest.raises(CollectionError, match=r"ModelArts\.0105"):
        check_success(answer(200), failed=True, code="ModelArts.0105")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "-7"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:10 GMT"}, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:10 GMT", "Date": "today"}, None),
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
    """`Retry-After` is seconds or a date, compared with the server's `Date`."""
    assert expected == retry_after(httpx.Response(429, headers=headers))


@given(st.binary(max_size=60))
def test_any_error_body(body):
    """However odd the body of an error answer is, its status is reported."""
    with pytest.raises(CollectionError, match="HTTP 500"):
        check(answer(500, content=body))


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
    """Only error codes are repeated: gateways echo signed headers in other texts."""
    assert error_code(httpx.Response(401, content=body)) is None


@pytest.mark.parametrize("code", ["IAM.0011", "ModelArts.50004000"])
def test_a_code_within_the_error(code):
    """Some services nest their code one level deeper, where IAM repeats the status."""
    assert error_code(answer(400, json={"error": {"code": code}})) == code


def test_a_failure_carries_its_request():
    """A failure has the request, status, code and request ID; no query or text."""
    with pytest.raises(CollectionError) as caught:
        check(answer(403, "ModelArts.0108", headers={"X-Request-Id": "0a1b2c"}))
    failure = caught.value.failure

    assert (failure.operation, failure.method, failure.path) == (
        "training_jobs",
        "GET",
        "/v1/0a1b/training-jobs",
    )
    assert failure.request_id == "0a1b2c"
    assert (
        failure.request
        == "GET /v1/0a1b/training-jobs (training_jobs), request ID 0a1b2c"
    )
    assert "canary" not in repr(failure)


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"X-Request-Id": "0a1b"}, {"request_id": "2c3d"}, "0a1b"),
        ({}, {"request_id": "2c3d", "error_msg": "canary"}, "2c3d"),
        ({"X-IAM-Trace-Id": "token_global_null_0a"}, {}, "token_global_null_0a"),
        ({"X-Request-Id": "a b", "X-IAM-Trace-Id": "0a-1b"}, {}, "0a-1b"),
        ({"X-Request-Id": "x" * 129}, {}, None),
        ({"X-Request-Id": "id\tlevel=error"}, {"request_id": "a\nb"}, None),
        ({}, {"request_id": 7}, None),
        ({}, [], None),
        ({}, {}, None),
    ],
)
def test_request_ids(headers, body, expected):
    """The ID is the gateway's, or else IAM's; text that is no ID is dropped."""
    assert request_id(answer(403, headers=headers, json=body)) == expected


def test_a_request_id_beside_an_odd_code():
    """A body with an error code of another type still yields its request ID."""
    odd = answer(500, json={"error_code": 7, "request_id": "0a1b"})

    assert (error_code(odd), request_id(odd)) == (None, "0a1b")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, None, True),
        (400, "ModelArts.0104", True),
        (400, "IAM.1108", False),
        (400, "ModelArts.0204", False),
    ],
)
def test_rejected_parameters(status, code, expected):
    """A rejected credential or project is not a rejected parameter."""
    with pytest.raises(CollectionError) as caught:
        check(answer(status, code))

    assert rejects_parameter(caught.value.failure) is expected
