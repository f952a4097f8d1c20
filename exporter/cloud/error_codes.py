"""
Maps the APIs' error responses to causes and advice for the user.

The same error code comes with several HTTP statuses and meanings, so the status
decides first. Sources: ModelArts API reference, "Error Codes" (`modelarts_03_0095`)
and "Status Code"; API Gateway and IAM, "Error Codes".
"""

from __future__ import annotations

import re

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Final

import httpx

from ..errors import CollectionError, Failure, Reason
from .error_body import error_code, plain_code, request_id
from .request_context import context_of, with_request


_MAX_RETRY_AFTER_SECONDS: Final = 300.0
"""
A server that asks for years must not keep its project down after it has recovered; one
request every five minutes is no burden.
"""


@dataclass(frozen=True, slots=True)
class ErrorMeaning:
    """`advice` may name the request's `{action}` and `{credential}`."""

    reason: Reason
    problem: str
    advice: str


_CREDENTIAL_REJECTED: Final = ErrorMeaning(
    Reason.AUTHENTICATION,
    "the API rejects the credential",
    "check {credential}",
)
_LOCKED: Final = ErrorMeaning(
    Reason.AUTHENTICATION,
    "the account or its user is locked",
    "wait 15 minutes, and look for others who use a wrong password of this user",
)
_NO_PERMISSION: Final = ErrorMeaning(
    Reason.PERMISSION, "no permission", "grant the exporter's user {action}"
)
_SUSPENDED: Final = ErrorMeaning(
    Reason.PERMISSION,
    "the account is suspended or restricted",
    "resolve it in the cloud's console",
)
_OTHER_PROJECT: Final = ErrorMeaning(
    Reason.PERMISSION,
    "the project does not belong to the credential, or is in another region",
    "check project_id and the cloud's region",
)
_SERVICE_NOT_AUTHORIZED: Final = ErrorMeaning(
    Reason.PERMISSION,
    "ModelArts is not authorized in this account",
    "authorize it once in the ModelArts console, under Permission Management",
)
_THROTTLED: Final = ErrorMeaning(
    Reason.THROTTLED,
    "the API throttles this account",
    "set the cloud's rate_limit, or scrape less often",
)
_NO_SUCH_API: Final = ErrorMeaning(
    Reason.API,
    "the API does not exist here",
    "check the cloud's URLs and region: ModelArts is not offered in every region. Where "
    "it offers one training API only, leave out training_api",
)
_NOT_IN_PROJECT: Final = ErrorMeaning(
    Reason.API,
    "ModelArts does not find what was asked for in this project",
    "check project_id, workspace_id and the cloud's region, and that the project still "
    "exists",
)
_PRIVATE_REGION: Final = ErrorMeaning(
    Reason.PERMISSION,
    "no right to this region, which is a private one",
    "check the cloud's region, or ask the cloud's support for access to it",
)
_FAILED_OVER: Final = ErrorMeaning(
    Reason.API,
    "the cloud is moving this region's service to another site",
    "wait: it is asked again",
)
_REDIRECT: Final = ErrorMeaning(
    Reason.RESPONSE,
    "a redirect, which is not followed with credentials",
    "correct the cloud's URL, or the proxy between here and there",
)
_REQUEST_REJECTED: Final = ErrorMeaning(
    Reason.API,
    "the API rejects the request",
    "check project_id, workspace_id and page_size",
)
_CLOUD_FAULT: Final = ErrorMeaning(
    Reason.API,
    "the cloud reports an internal error",
    "wait, or contact the cloud's support",
)

_BY_CODE: Final[Mapping[tuple[int, str | None], ErrorMeaning]] = {
    (400, "IAM.1104"): _CREDENTIAL_REJECTED,
    (400, "IAM.1105"): _CREDENTIAL_REJECTED,
    (400, "IAM.1106"): _CREDENTIAL_REJECTED,
    (400, "IAM.1107"): _CREDENTIAL_REJECTED,
    (400, "IAM.1108"): _CREDENTIAL_REJECTED,
    (400, "IAM.1109"): _OTHER_PROJECT,
    (401, "IAM.0061"): _LOCKED,
    (401, "IAM.0064"): _NO_PERMISSION,
    (403, "IAM.0080"): _CREDENTIAL_REJECTED,
    (403, "IAM.0081"): _CREDENTIAL_REJECTED,
    (403, "IAM.0082"): _CREDENTIAL_REJECTED,
    (403, "IAM.0083"): _PRIVATE_REGION,
    (400, "ModelArts.0204"): _OTHER_PROJECT,
    (400, "ModelArts.0210"): _OTHER_PROJECT,
    (401, "ModelArts.0112"): _NO_PERMISSION,
    (401, "ModelArts.4203"): _NO_PERMISSION,
    (401, "ModelArts.4630"): _NO_PERMISSION,
    (401, "ModelArts.6201"): _SUSPENDED,
    (401, "ModelArts.6203"): _SUSPENDED,
    (403, "ModelArts.0203"): _CREDENTIAL_REJECTED,
    (403, "ModelArts.0206"): _CREDENTIAL_REJECTED,
    (403, "ModelArts.2784"): _CREDENTIAL_REJECTED,
    (403, "ModelArts.0210"): _OTHER_PROJECT,
    (403, "ModelArts.2785"): _SERVICE_NOT_AUTHORIZED,
    (404, "ModelArts.2786"): _OTHER_PROJECT,
    (404, "ModelArts.2836"): _NO_SUCH_API,
    (500, "ModelArts.0109"): _NO_PERMISSION,
}
_BY_STATUS: Final[Mapping[int, ErrorMeaning]] = {
    HTTPStatus.UNAUTHORIZED: _CREDENTIAL_REJECTED,
    HTTPStatus.FORBIDDEN: _NO_PERMISSION,
    HTTPStatus.NOT_FOUND: _NO_SUCH_API,
    HTTPStatus.GONE: _FAILED_OVER,
    HTTPStatus.TOO_MANY_REQUESTS: _THROTTLED,
}
_BY_CLASS: Final[Mapping[int, ErrorMeaning]] = {3: _REDIRECT, 5: _CLOUD_FAULT}
_NOT_OFFERED: Final = {(404, "APIG.0101"), (404, "ModelArts.2836")}
"""A 404 without a code may be that of any server: of a wrong URL, or a proxy."""

_TRANSIENT: Final = {_THROTTLED, _CLOUD_FAULT, _FAILED_OVER}

_PARAMETER_CODES: Final = {
    f"ModelArts.{number}"
    for number in ("0101", "0104", "0107", "2764", "2770", "2788", "2816")
}


def is_credential_rejected(response: httpx.Response) -> bool:
    """
    Return whether a response rejects the token or signature itself.

    False for a 401 that means "no permission" or "suspended": a new token does not help.
    """
    if response.is_success:
        return False
    meaning = _meaning(response.status_code, error_code(response))
    return meaning.reason is Reason.AUTHENTICATION


def check(response: httpx.Response) -> None:
    """
    Raise `CollectionError` unless the status of `response` is a success.

    Its request has a `RequestContext`.
    """
    failure = failure_of(response)
    if failure is not None:
        raise CollectionError(failure)


def failure_of(response: httpx.Response) -> Failure | None:
    """Return what the status of `response` means, or None if it is a success."""
    if response.is_success:
        return None
    status = response.status_code
    code = error_code(response)
    meaning = _meaning(status, code)
    context = context_of(response.request)
    answer = f"HTTP {status}" + (f" {code}" if code else "")
    failure = Failure(
        reason=meaning.reason,
        problem=f"{answer}: {meaning.problem}",
        advice=meaning.advice.format(
            action=context.action, credential=context.credential
        ),
        status=status,
        error_code=code,
        request_id=request_id(response),
        not_offered=(status, _as_on_otc(code)) in _NOT_OFFERED,
        # Without a code, it may be the refusal of a proxy.
        not_permitted=meaning is _NO_PERMISSION and code is not None,
        transient=meaning in _TRANSIENT or status == HTTPStatus.REQUEST_TIMEOUT,
        retry_after=retry_after(response),
    )
    return with_request(failure, response.request)


def _meaning(status: int, code: str | None) -> ErrorMeaning:
    known = _BY_CODE.get((status, _as_on_otc(code)))
    if status == HTTPStatus.NOT_FOUND and code and code.startswith("ModelArts."):
        # It has got past the gateway, so the path exists.
        return known or _NOT_IN_PROJECT
    return (
        known
        or _BY_STATUS.get(status)
        or _BY_CLASS.get(status // 100, _REQUEST_REJECTED)
    )


def _as_on_otc(code: str | None) -> str | None:
    # Huawei Cloud's gateway writes APIGW. where that of Open Telekom Cloud writes APIG.
    return code and code.replace("APIGW.", "APIG.", 1)


def check_success(response: httpx.Response, failed: bool, code: str | None) -> None:
    """Raise `CollectionError` if the body of `response` says that the request failed."""
    if not failed:
        return
    code = plain_code(code)
    failure = Failure(
        reason=Reason.API,
        problem="HTTP 200, but the answer says that the request failed"
        + (f" ({code})" if code else ""),
        advice="look the error code up in the ModelArts API reference",
        status=HTTPStatus.OK,
        error_code=code,
        request_id=request_id(response),
    )
    raise CollectionError(with_request(failure, response.request))


def rejects_parameter(failure: Failure) -> bool:
    """Return whether the API rejected the request's parameters, such as the page size."""
    return failure.reason is Reason.API and (
        failure.status == HTTPStatus.BAD_REQUEST
        or (failure.status == HTTPStatus.OK and failure.error_code in _PARAMETER_CODES)
    )


def retry_after(response: httpx.Response) -> float | None:
    """
    Return the seconds of a `Retry-After` number or date, 300 at most.

    None if it is neither.
    """
    text = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+", text):
        # As a float: an int takes no more than 4,300 digits.
        return min(float(text), _MAX_RETRY_AFTER_SECONDS)
    until = http_date(text)
    # Both dates are the server's, so the difference holds even if its clock is wrong.
    now = http_date(response.headers.get("Date", ""))
    if until is None or now is None:
        return None
    return min(max(0.0, until - now), _MAX_RETRY_AFTER_SECONDS)


@lru_cache(maxsize=64)
@lru_cache(maxsize=16)
def http_date(text: str) -> float | None:
    """Return the Unix time of an HTTP date; None if it is not one."""
    # Cached, because the answers of a second have the same.
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
