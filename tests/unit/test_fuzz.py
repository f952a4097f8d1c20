"""
Input from outside: configuration files, answers and requests.

Each test tries a few hundred inputs; `make fuzz EXAMPLES=100000` tries that many.
"""

import asyncio
import contextlib
import json

import httpx
import msgspec
import pytest
import trustme
import yaml

from examples import examples
from harness import Scrape, configuration, exporting, simulated
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse

from exporter.cloud.decoding import JsonError
from exporter.cloud.error_codes import check
from exporter.cloud.request_context import RequestContext
from exporter.collectors.jobs.aggregates import empty_counts
from exporter.collectors.jobs.pages import Page
from exporter.collectors.jobs.rows import job_of
from exporter.collectors.jobs.snapshot import Snapshot
from exporter.collectors.jobs.statuses import V2_STATUSES
from exporter.collectors.jobs.v1_schema import v1_detail, v1_listing, v1_status
from exporter.collectors.jobs.v2_schema import v2_quotas, v2_search, v2_status
from exporter.collectors.lite_servers.schema import lite_servers
from exporter.collectors.notebooks.notebook import notebook_of
from exporter.collectors.notebooks.schema import NOTEBOOKS_DECODER
from exporter.collectors.registry import REGISTRY
from exporter.collectors.scheduled_events.schema import scheduled_events
from exporter.collectors.services.v1_schema import v1_services
from exporter.collectors.services.v2_schema import v2_services
from exporter.config import load
from exporter.errors import CollectionError, ConfigurationError
from exporter.simulator import serve
from exporter.web.config import CurrentWebConfiguration
from exporter.web.config.reading import load_web_configuration
from exporter.web.middleware import AccessMiddleware
from exporter.web.paths import WebPaths


FUZZ = settings(
    max_examples=examples(200),
    suppress_health_check=list(HealthCheck),
)

MINIMAL = """\
clouds:
  otc:
    provider: otc
    region: eu-de
    auth:
      password: {username: exporter, password: canary-7f3a91, domain: OTC1}
projects:
  - {name: a, cloud: otc, project_id: "0"}
collection: {timeout: 9s, duration_buckets: [1m, 1h], job_series: {enabled: true}}
"""
DOCUMENT = yaml.safe_load(MINIMAL)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["9s", "v1", "v2", "otc", "1m", "${HOME}", "${", "$${X}"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


def paths(node, path=()):
    """Return the path of everything in a document."""
    children = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    return [path] + [
        found for key, child in children for found in paths(child, (*path, key))
    ]


def replaced(node, path, value):
    """Return a document with another value at a path."""
    if not path:
        return value
    key, *rest = path
    changed = dict(node) if isinstance(node, dict) else list(node)
    changed[key] = replaced(node[key], rest, value)
    return changed


def dumped(document):
    """Return a document as YAML."""
    return yaml.dump(document, Dumper=yaml.CSafeDumper)


def loaded(folder, text, read):
    """Read a file; an error has a location and a message, without secrets."""
    file = folder / "file.yml"
    file.write_bytes(
        text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    )
    lines = errors_in(str(file), read)
    assert all(line.startswith(str(file)) and "\n" not in line for line in lines)
    assert "canary-7f3a91" not in "".join(lines)


def errors_in(file, read):
    """Return the errors of a file."""
    try:
        read(file)
    except ConfigurationError as error:
        return error.lines()
    return []


@FUZZ
@given(st.data())
@pytest.mark.slow
def test_configurations_with_something_else_somewhere(tmp_path_factory, data):
    """Any value in any place is accepted, or rejected with a message."""
    path = data.draw(st.sampled_from(paths(DOCUMENT)))
    text = dumped(replaced(DOCUMENT, path, data.draw(JSON)))

    loaded(
        tmp_path_factory.getbasetemp(),
        text,
        lambda file: load(file, {"HOME": "x"}, REGISTRY.names),
    )


@FUZZ
@given(
    st.binary(max_size=200)
    | st.text(max_size=200)
    | st.text(alphabet="{}[]:-,&*!|>'\"#%@`\n\t a1", max_size=80)
)
@pytest.mark.slow
def test_configurations_that_are_anything(tmp_path_factory, text):
    """Any bytes are rejected with a message, in both kinds of files."""
    folder = tmp_path_factory.getbasetemp()
    loaded(folder, text, lambda file: load(file, {}, REGISTRY.names))
    loaded(folder, text, load_web_configuration)


@FUZZ
@given(
    st.integers(0, len(MINIMAL)), st.text(alphabet="{}[]:-,&*!|>'\"#\n a", max_size=3)
)
@pytest.mark.slow
def test_configurations_with_an_extra_character(tmp_path_factory, place, character):
    """A character too many is accepted, or rejected with a message."""
    text = MINIMAL[:place] + character + MINIMAL[place:]
    loaded(
        tmp_path_factory.getbasetemp(),
        text,
        lambda file: load(file, {}, REGISTRY.names),
    )


WORDS = SCALARS | st.sampled_from(
    [
        *("", "server.pem", "server.key", "gone", "web.yml", ".", "TLS10", "TLS13"),
        *("NoClientCert", "RequestClientCert", "RequireAndVerifyClientCert"),
        *("yes", "Off", "0", "1.5s", "1h", "nosniff", "deny", "a\nb", "\0", "é"),
        *("$2y$10$" + "a" * 53, "$2b$99$" + "a" * 53, "$2x$31$" + "/" * 53),
    ]
)
LISTS = WORDS | st.lists(
    st.sampled_from(
        [
            *("CurveP256", "X25519", "TLS_AES_128_GCM_SHA256", "a.example", "", "é"),
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ]
    ),
    max_size=3,
)


def optional(values, *keys):
    """Return mappings with some of the keys."""
    return JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(keys, values))


WEB = JSON | st.fixed_dictionaries(
    {},
    optional={
        "tls_server_config": JSON
        | st.fixed_dictionaries(
            {"cert_file": st.just("server.pem"), "key_file": st.just("server.key")},
            optional={
                **dict.fromkeys(
                    [
                        *("cert", "client_ca_file", "client_auth_type"),
                        *("min_version", "max_version", "prefer_server_cipher_suites"),
                    ],
                    WORDS,
                ),
                **dict.fromkeys(
                    ["cipher_suites", "curve_preferences", "client_allowed_sans"], LISTS
                ),
            },
        ),
        "basic_auth_users": optional(WORDS, "u", "v", ""),
        "rate_limit": optional(WORDS, "interval", "burst"),
        "http_server_config": st.fixed_dictionaries(
            {},
            optional={
                "http2": WORDS,
                "headers": optional(WORDS, "X-Frame-Options", "X-XSS-Protection"),
            },
        ),
    },
)


SERVED = "basic_auth_users: {u: '$2b$04$" + "a" * 53 + "'}\n"
SERVED_WITH_TLS = (
    SERVED + "tls_server_config: {cert_file: server.pem, key_file: server.key}\n"
)


@FUZZ
@given(
    st.sampled_from([SERVED, SERVED_WITH_TLS]),
    WEB.map(dumped) | st.text(max_size=60),
)
@pytest.mark.slow
async def test_no_web_configuration_opens_the_exporter(tmp_path_factory, before, text):
    """Whatever a file becomes at run time, only health is open to strangers."""
    folder = tmp_path_factory.getbasetemp() / "web"
    if not folder.exists():
        folder.mkdir()
        issued = trustme.CA().issue_cert("127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
        issued.private_key_pem.write_to_path(folder / "server.key")
    file = folder / "web.yml"
    file.write_text(before)
    guard = AccessMiddleware(
        PlainTextResponse("in"), CurrentWebConfiguration(str(file)), WebPaths().open
    )
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    transport = httpx.ASGITransport(app=guard)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for _ in range(2):
            answer = await client.get("/metrics")
            assert answer.status_code in {401, 429, 500}
        assert (await client.get("/-/healthy")).status_code == 200
    message = ""
    try:
        load_web_configuration(str(file))
    except ConfigurationError as error:
        message = str(error)
    # Each of them is an expected error.
    assert "please report this" not in message


V2_ITEM = st.fixed_dictionaries(
    {},
    optional={
        "metadata": JSON
        | st.fixed_dictionaries(
            {"id": SCALARS}, optional={"name": JSON, "create_time": JSON}
        ),
        "status": JSON
        | st.fixed_dictionaries(
            {}, optional={"phase": JSON, "duration": JSON, "start_time": JSON}
        ),
        "spec": JSON
        | st.fixed_dictionaries(
            {},
            optional={
                "resource": JSON
                | st.fixed_dictionaries(
                    {},
                    optional={
                        "flavor_id": JSON,
                        "node_count": JSON,
                        "flavor_detail": JSON
                        | st.fixed_dictionaries(
                            {},
                            optional={
                                "flavor_type": JSON,
                                "flavor_info": JSON
                                | st.fixed_dictionaries(
                                    {}, optional={"gpu": JSON, "npu": JSON}
                                ),
                            },
                        ),
                    },
                )
            },
        ),
    },
)


@FUZZ
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "total": JSON,
            "count": JSON,
            "workspace_id": JSON,
            "error_code": JSON,
            "items": JSON | st.lists(V2_ITEM, max_size=4),
        },
    )
    | JSON
)
@pytest.mark.slow
def test_searches(answer):
    """Any answer of v2 adds up, or is no search."""
    try:
        search = v2_search.decode(json.dumps(answer).encode())
    except msgspec.DecodeError:
        return
    rows = search.items or []
    snapshot = Snapshot(empty_counts((60_000,), V2_STATUSES.values()), v2_status)
    snapshot.add(Page(rows, None, 0.0), rows)

    assert snapshot.counts.number == len(rows)
    assert len([job_of(row, v2_status) for row in rows]) == len(rows)
    for job in snapshot.unfinished.values():
        assert job.resources is None or job.resources.nodes > 0


# Few at a time, since making all of them takes a tenth of a second.
ROW = st.dictionaries(
    st.sampled_from(
        [
            "status",
            "type",
            "infer_type",
            "flavor",
            "custom_spec",
            "lease",
            "pool",
            "user",
            "volume",
            "publish_at",
            "transition_at",
            "due_time",
            "invocation_times",
            "create_at",
            "update_at",
            "schedule",
            "state",
            "charging_mode",
            "poolName",
            "notBefore",
            "publishTime",
            "workspace_id",
        ]
    ),
    JSON,
    max_size=5,
)
LEASE = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("create_at", "duration", "enable", "type"), SCALARS)
)
ROWS = {
    "notebooks": (NOTEBOOKS_DECODER, "data", notebook_of),
    "services": (v1_services, "services", lambda row: row.service()),
    "services_v2": (v2_services, "data", lambda row: row.service()),
    "lite_servers": (lite_servers, "data", lambda row: row.object_id),
    "scheduled_events": (scheduled_events, "events", lambda row: row.created),
}


@FUZZ
@given(
    rows=st.lists(ROW | st.builds(lambda lease: {"lease": lease}, LEASE), max_size=3)
)
@pytest.mark.slow
def test_rows_of_other_lists(rows):
    """Any row is read, is no row, or an error names the wrong number."""
    ids = [{"id": f"id-{n}", "service_id": f"id-{n}"} for n, _ in enumerate(rows)]
    listed = [row | own for row, own in zip(rows, ids, strict=True)]
    for api, (decoder, name, read) in ROWS.items():
        note(api)
        try:
            found = getattr(decoder.decode(json.dumps({name: listed}).encode()), name)
        except msgspec.DecodeError:
            continue
        for row in found:
            with contextlib.suppress(CollectionError):
                read(row)
                assert row.created is None or row.created > 0


@FUZZ
@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_as_an_answer(body):
    """Any bytes are decoded or rejected, and nothing else is raised."""
    for decoder in (v1_listing, v1_detail, v2_search, v2_quotas):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            decoder.decode(body)
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, JsonError):
        listing = v1_listing.decode(body)
        rows = listing.rows.rows() if listing.rows else []
        Snapshot(empty_counts((), ()), v1_status).add(Page(rows, None, 0.0), rows)


@FUZZ
@given(
    st.integers(300, 599),
    st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(
        st.sampled_from(["Retry-After", "Date", "Content-Type"]),
        st.text(alphabet=st.characters(codec="ascii", exclude_categories=["C"])),
    ),
)
@pytest.mark.slow
def test_any_error_answer(status, body, headers):
    """Any error answer is a failure with a reason, a message and advice."""
    context = RequestContext(
        operation="training_jobs", project="vision", action="modelarts:trainJob:list"
    )
    request = httpx.Request(
        "GET",
        "https://otc.example/v1/0a1b/training-jobs",
        extensions=context.extensions(),
    )
    response = httpx.Response(status, content=body, headers=headers, request=request)
    with pytest.raises(CollectionError) as caught:
        check(response)
    failure = caught.value.failure

    assert failure.problem
    assert failure.advice
    assert failure.retry_after is None or failure.retry_after >= 0


HEADER = st.text(
    alphabet=st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40
).map(lambda text: text.encode("latin-1"))
NAMES = st.sampled_from(
    [
        b"Accept",
        b"Accept-Encoding",
        b"Authorization",
        b"Connection",
        b"Content-Length",
        b"Expect",
        b"Host",
        b"Transfer-Encoding",
        b"Upgrade",
        b"X-Prometheus-Scrape-Timeout-Seconds",
    ]
)
TARGETS = st.sampled_from(
    [
        b"/metrics",
        b"/probe",
        b"/sd",
        b"/",
        b"/-/reload",
        b"/exporter-metrics",
        b"*",
        b"",
    ]
)
REQUESTS = st.binary(max_size=300) | st.builds(
    lambda method, target, query, version, headers, body: (
        method
        + b" "
        + target
        + query
        + b" "
        + version
        + b"\r\n"
        + b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        + b"\r\n"
        + body
    ),
    st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS", b"get", b"CONNECT"]),
    TARGETS | HEADER,
    st.just(b"") | HEADER.map(lambda text: b"?project=" + text.replace(b" ", b"")),
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b""]),
    st.lists(st.tuples(NAMES, HEADER), max_size=5),
    st.binary(max_size=50),
)


@pytest.mark.slow
async def test_any_request():
    """After any request, the exporter answers the next scrape, and never with 500."""
    cloud = simulated("a")
    async with (
        serve(cloud) as url,
        exporting(configuration(cloud, url, min_interval=3600.0)) as exporter,
    ):
        host, port = exporter.url.removeprefix("http://").split(":")
        requests = []

        @FUZZ
        @given(REQUESTS)
        def draw(request):
            requests.append(request)

        await asyncio.to_thread(draw)
        for start in range(0, len(requests), 50):
            answers = await asyncio.gather(
                *(ask(host, port, one) for one in requests[start : start + 50])
            )
            for request, answer in zip(requests[start:], answers, strict=False):
                assert not answer.startswith(b"HTTP/1.1 5"), (request, answer)
        assert Scrape((await exporter.scrape()).response).up()["a", "training"] == 1


async def ask(host, port, request):
    """Send bytes, and return what is received until the connection is idle."""
    reader, writer = await asyncio.open_connection(host, int(port))
    answer = b""
    with contextlib.suppress(OSError, TimeoutError):
        writer.write(request)
        writer.write_eof()
        async with asyncio.timeout(2):
            answer = await reader.read()
    writer.transport.abort()
    return answer
