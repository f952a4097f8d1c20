"""The signature, against known answers and the official SDK."""

import string
import time

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import httpx
import pytest

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cloud.auth.access_keys import (
    AccessKey,
    AccessKeys,
    ConfiguredKeys,
    SignatureAuth,
)
from exporter.cloud.auth.signature import Signable, authorization
from exporter.config import AccessKeyAuth, Secret


PROJECT = "0123456789abcdef0123456789abcdef"
HOST = "modelarts.eu-de.otc.t-systems.com"
DATE = "20240102T030405Z"
KEY_PAIR = ("AKEXAMPLE0123456789", "SKexample0123456789abcdefghijklmnopqrstuv")
OTHER_PROJECT = "77b6a44cba5143ab91d13ab9a8ff44fd"
OTHER_DATE = "20191115T033655Z"
OTHER_KEY = ("QTWAOYTTINDUT2QVKYUC", "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc")


def signature(signable: Signable, date: str, key: tuple[str, str]) -> tuple[str, str]:
    """Return the names of the signed headers and the signature."""
    header = authorization(signable, access_key=key[0], secret_key=key[1], date=date)
    scheme, access, names, value = header.replace(",", "").split(" ")
    assert scheme == "SDK-HMAC-SHA256"
    assert access == f"Access={key[0]}"
    return names.removeprefix("SignedHeaders="), value.removeprefix("Signature=")


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "body", "names", "expected"),
    [
        (
            "GET",
            f"/v1/{PROJECT}/training-jobs",
            "per_page=1000&page=1&sortBy=create_time&order=asc",
            {},
            b"",
            "host;x-sdk-date",
            "58a36f55dfce5b36c0c66defffbd4b8a660dca104f90987bcfcfabe3128689e4",
        ),
        (
            "GET",
            f"/v1/{PROJECT}/training-jobs",
            "search_content=a%20b%2Bc%2F%C3%A9~&page=2",
            {"X-Project-Id": PROJECT, "X-Security-Token": "sectok=="},
            b"",
            "host;x-project-id;x-sdk-date;x-security-token",
            "6f7c7c98779653ff4d3259dcc45bb1198db94da73c3cad05da09e4ba659331f2",
        ),
        (
            "POST",
            f"/v2/{PROJECT}/training-job-searches",
            "",
            {"Content-Type": "application/json"},
            b'{"offset":0,"limit":50}',
            "content-type;host;x-sdk-date",
            "96ec1703aad083778ce4607b40ef8809503f4bbbf212ed83aa64d7fb771d4e5d",
        ),
    ],
)
def test_known_answers(method, path, query, headers, body, names, expected):
    """Requests of the ModelArts APIs are signed as the official signer signs them."""
    signable = Signable(
        method=method,
        path=path,
        query=query,
        headers={"Host": HOST, "X-Sdk-Date": DATE, **headers},
        body=body,
    )

    assert (names, expected) == signature(signable, DATE, KEY_PAIR)


@pytest.mark.parametrize(
    ("method", "host", "path", "query", "headers", "body", "expected"),
    [
        (
            "GET",
            "service.region.example.com",
            f"/v1/{OTHER_PROJECT}/vpcs",
            "limit=2&marker=13551d6b-755d-4757-b956-536f674975c0",
            {"Content-Type": "application/json"},
            b"",
            "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe",
        ),
        (
            "GET",
            HOST,
            f"/v1/{OTHER_PROJECT}/training-jobs",
            "order=desc&page=1&per_page=1000&sortBy=create_time&status=8&workspace_id=0",
            {"Content-Type": "application/json", "X-Project-Id": OTHER_PROJECT},
            b"",
            "62413ec101d9e6bce15145bed93a6ba18a1559d1258ecfffc0f9322a9299ffa4",
        ),
        (
            "GET",
            HOST,
            f"/v1/{OTHER_PROJECT}/visualization-jobs",
            "page=1&per_page=1000&search_content=a%20b%26c%3D~%2F%2B%C3%A9",
            {"X-Project-Id": OTHER_PROJECT, "X-Security-Token": "gAAAAABtoken+/="},
            b"",
            "a64d9e54897f3266059a6bf4d3a2587736903caaa51344f70084d75ab31a577d",
        ),
        (
            "POST",
            HOST,
            f"/v2/{OTHER_PROJECT}/training-job-searches",
            "",
            {
                "Content-Type": "application/json;charset=UTF-8",
                "X-Project-Id": OTHER_PROJECT,
            },
            b'{"offset": 0, "limit": 50}',
            "29ac20445cf3e058425d3785c3d04bd31d6f54008c31bc9f791446f362874989",
        ),
        (
            "GET",
            "127.0.0.1:8443",
            f"/v1/{OTHER_PROJECT}/visualization-jobs/197",
            "",
            {"X-Project-Id": OTHER_PROJECT},
            b"",
            "627e7492b41531f9154fade9ba89ca9cb0eb734e4ce4580cf3b481bedd5a157b",
        ),
    ],
)
def test_more_known_answers(method, host, path, query, headers, body, expected):
    """The vendor's own example and requests with ports, tokens and bodies agree, too."""
    signable = Signable(
        method=method,
        path=path,
        query=query,
        headers={"Host": host, "X-Sdk-Date": OTHER_DATE, **headers},
        body=body,
    )

    assert expected == signature(signable, OTHER_DATE, OTHER_KEY)[1]


@pytest.mark.parametrize(
    ("host", "path", "query", "headers", "names", "expected"),
    [
        (
            "iam.eu-de.otc.t-systems.com",
            "/v3/auth/projects",
            "",
            {},
            "host;x-sdk-date",
            "91da373f9d43f5b5f18f7cb3e5b278bca96370c5f20b6a56fdf36a5e1eded048",
        ),
        (
            "iam.eu-de.otc.t-systems.com",
            "/v3/auth/projects",
            "",
            {"X-Security-Token": "sectok=="},
            "host;x-sdk-date;x-security-token",
            "dfbcc14d50136dcca84917e7a5b4f938693d176b4498afdfb59f293a7be0a091",
        ),
        (
            "iam.eu-de.otc.t-systems.com",
            "/v3/projects",
            "name=eu-de_vision",
            {},
            "host;x-sdk-date",
            "7b3105944e8a55b601e0d99808251b3eda18f36cb659ae86af6d59c88b223820",
        ),
        (
            "iam.myhuaweicloud.com",
            "/v3/projects",
            "page=1&per_page=5000",
            {"X-Domain-Id": "fedcba9876543210fedcba9876543210"},
            "host;x-domain-id;x-sdk-date",
            "a001ddc88680b5c7daea8e031235d1a037889e8238d7522cacdca58ef148e2dd",
        ),
        (
            "iam.ap-southeast-3.myhuaweicloud.com",
            "/v3/auth/domains",
            "",
            {},
            "host;x-sdk-date",
            "fdf45cbe06666577ee08f7dc2458cdbd8a74fc6ea81a0e0afe14d8c8de763aec",
        ),
    ],
)
def test_known_answers_of_iam(host, path, query, headers, names, expected):
    """IAM's calls are signed as the official signer signs them."""
    signable = Signable(
        method="GET",
        path=path,
        query=query,
        headers={"Host": host, "X-Sdk-Date": DATE, **headers},
    )

    assert signature(signable, DATE, KEY_PAIR) == (names, expected)


@pytest.mark.parametrize(
    ("token", "names", "expected"),
    [
        (
            None,
            "host;x-sdk-date",
            "91da373f9d43f5b5f18f7cb3e5b278bca96370c5f20b6a56fdf36a5e1eded048",
        ),
        (
            "sectok==",
            "host;x-sdk-date;x-security-token",
            "dfbcc14d50136dcca84917e7a5b4f938693d176b4498afdfb59f293a7be0a091",
        ),
    ],
)
def test_a_request_of_the_account_has_no_scope(token, names, expected):
    """Requests of the account have neither `X-Project-Id` nor `X-Domain-Id`."""
    request = httpx.Request(
        "GET", "https://iam.eu-de.otc.t-systems.com/v3/auth/projects"
    )
    auth = SignatureAuth(
        AccessKeys(ConfiguredKeys(_configured(token))),
        None,
        datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp,
        lambda _: None,
    )
    auth.sign(request, AccessKey(*KEY_PAIR, token))

    assert not {"x-project-id", "x-domain-id"} & set(request.headers)
    authorization = request.headers["Authorization"]
    assert authorization.endswith(f"SignedHeaders={names}, Signature={expected}")


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
# HTTP clients resolve segments of dots only, before they sign.
SEGMENT = TEXT.map(lambda text: text.replace("/", "-")).filter(
    lambda text: text.strip(".")
)
KEY = st.text(string.ascii_letters + string.digits, min_size=1, max_size=40)


@given(
    method=st.sampled_from(["GET", "POST"]),
    segments=st.lists(SEGMENT, min_size=1, max_size=4),
    query=st.lists(st.tuples(TEXT, TEXT), max_size=5, unique_by=lambda pair: pair[0]),
    token=st.none() | st.text(string.ascii_letters + "+/=", min_size=1, max_size=60),
    access_key=KEY,
    secret_key=KEY,
    body=st.sampled_from(["", "{}", '{"offset":0}']),
)
@pytest.mark.slow
def test_the_official_sdk_signs_the_same(
    method, segments, query, token, access_key, secret_key, body
):
    """For any request, our signature is that of Huawei Cloud's own SDK."""
    path = quote("/" + "/".join(segments))
    request = httpx.Request(
        method,
        f"https://{HOST}{path}?{urlencode(query, quote_via=quote)}",
        content=body.encode() if method == "POST" else None,
        headers={"Content-Type": "application/json"} if method == "POST" else None,
    )
    keys = AccessKeys(ConfiguredKeys(_configured(token)))
    auth = SignatureAuth(keys, PROJECT, time.time, lambda _: None)
    auth.sign(request, AccessKey(access_key, secret_key, token))

    credentials = BasicCredentials(access_key, secret_key, PROJECT)
    if token is not None:
        credentials.with_security_token(token)
    theirs = credentials.sign_request(
        SdkRequest(
            method=method,
            schema="https",
            host=HOST,
            resource_path=path,
            query_params=query,
            header_params={
                "X-Sdk-Date": request.headers["X-Sdk-Date"],
                **({"Content-Type": "application/json"} if method == "POST" else {}),
            },
            body=body if method == "POST" else "",
        )
    )
    assert theirs.header_params["Authorization"] == request.headers["Authorization"]


def _configured(token: str | None) -> AccessKeyAuth:
    return AccessKeyAuth(
        access_key="unused",
        secret_key=Secret("unused"),
        security_token=Secret(token) if token else None,
    )
