"""Greedy clients of a real exporter: what they cost, and whether others are served."""

import contextlib
import resource
import selectors
import signal
import socket
import ssl
import threading

from collections import Counter

import httpx
import pytest

from harness import PASSWORD
from programs import exporter_process, memory_of, wait_until
from web_files import DIGEST, TLS, Files

from exporter.web.scrape_limit import MOST_PROBES, MOST_SCRAPES
from exporter.web.server import raise_open_files_limit


pytestmark = pytest.mark.slow

MEGABYTE = 1024 * 1024
HEALTH = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
METRICS = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
OWN_METRICS = b"GET /exporter-metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(autouse=True)
def _many_connections():
    """Let this process open as many files as it may."""
    raise_open_files_limit()


def written(folder, url="http://127.0.0.1:9"):
    """Write a configuration of one project in a simulated cloud; return its path."""
    file = folder / "modelarts.yml"
    file.write_text(f"""\
clouds:
  otc:
    region: eu-de
    iam_url: {url}
    modelarts_url: {url}
    auth: {{password: {{username: exporter, password: {PASSWORD}, domain: OTC1}}}}
projects:
  - {{name: a, cloud: otc, project_id: {1:032x}}}
""")
    return file


@contextlib.contextmanager
def connected(address, number):
    """Open connections one after the other, and close them at the end."""
    host, port = address.split(":")
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
            for _ in range(number)
        ]


@contextlib.contextmanager
def silent_cloud():
    """Listen, and never answer; yields a URL."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def healthy(address, scheme="http", verify=True):
    """Return whether a new client gets the answer that the exporter is healthy."""
    with httpx.Client(trust_env=False, verify=verify, timeout=20) as client:
        return client.get(f"{scheme}://{address}/-/healthy").status_code == 200


def send_repeatedly(sockets, data, most):
    """Send `data` repeatedly, until all sockets block or have sent `most` bytes."""
    for one in sockets:
        one.setblocking(False)
    sent = dict.fromkeys(sockets, 0)
    stuck = 0
    while stuck < 20:
        progress = False
        for one in sockets:
            if sent[one] < most:
                with contextlib.suppress(
                    BlockingIOError, ConnectionError, ssl.SSLWantWriteError
                ):
                    sent[one] += one.send(data)
                    progress = True
        if not progress:
            stuck += 1
            threading.Event().wait(0.05)
    return sent


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_clients_that_pipeline_and_never_read(tmp_path, scheme):
    """Requests wait until the client reads; the memory is freed when it disconnects."""
    flags = []
    if scheme == "https":
        files = Files(tmp_path)
        flags = [f"--web.config.file={files.write(TLS)}"]
        verify = files.context()
    else:
        verify = True
    file = written(tmp_path)
    with exporter_process(file, tmp_path / "log", *flags) as (process, address):
        assert healthy(address, scheme, verify)
        before = memory_of(process)
        with connected(address, 40) as sockets:
            streams = [
                one
                if scheme == "http"
                else verify.wrap_socket(one, server_hostname="127.0.0.1")
                for one in sockets
            ]
            send_repeatedly(streams[:20], OWN_METRICS * 1500, 4 * MEGABYTE)
            send_repeatedly(streams[20:], HEALTH * 1500, 4 * MEGABYTE)
            assert healthy(address, scheme, verify)
            assert memory_of(process, "VmHWM") - before < 100 * MEGABYTE
            for one in streams:
                one.close()
        assert healthy(address, scheme, verify)
        wait_until(lambda: memory_of(process) - before < 60 * MEGABYTE)
        assert "Traceback" not in (tmp_path / "log").read_text()


def test_pipelined_requests_are_all_answered(tmp_path):
    """A client that reads gets an answer to each request, in order."""
    file = written(tmp_path)
    with (
        exporter_process(file, tmp_path / "log") as (_, address),
        connected(address, 1) as (one,),
    ):
        number = 2000
        requests = (HEALTH + b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n") * number
        sender = threading.Thread(target=one.sendall, args=(requests,))
        sender.start()
        found = b""
        while found.count(b"HTTP/1.1 ") < 2 * number or not found.endswith(b"Found"):
            more = one.recv(65536)
            assert more
            found += more
        sender.join()
        answers = found.split(b"HTTP/1.1 ")[1:]
        assert [answer[:3] for answer in answers] == [b"200", b"404"] * number


def test_silent_connections_to_a_tls_listener(tmp_path):
    """Unfinished handshakes cost little, and a scraper is still served."""
    files = Files(tmp_path)
    flag = f"--web.config.file={files.write(TLS)}"
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = min(3000, soft - 200)
    with exporter_process(written(tmp_path), tmp_path / "log", flag) as found:
        process, address = found
        assert healthy(address, "https", files.context())
        before = memory_of(process)
        with connected(address, number):
            assert healthy(address, "https", files.context())
            assert memory_of(process, "VmHWM") - before < 60 * MEGABYTE
        assert "Traceback" not in (tmp_path / "log").read_text()


def statuses_of(sockets, number):
    """Return the statuses that the first `number` sockets with an answer got."""
    found = Counter()
    with selectors.DefaultSelector() as selector:
        for one in sockets:
            selector.register(one, selectors.EVENT_READ)
        while found.total() < number:
            ready = selector.select(30)
            assert ready
            for key, _ in ready:
                found[int(key.fileobj.recv(65536).split(b" ")[1])] += 1
                selector.unregister(key.fileobj)
    return found


@pytest.mark.parametrize(
    ("path", "limit"), [("/metrics", MOST_SCRAPES), ("/probe?project=a", MOST_PROBES)]
)
def test_scrapes_that_wait_for_a_hanging_project(tmp_path, path, limit):
    """Beyond the limit, scrapes get 503 and Retry-After; other paths still answer."""
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds"
    with (
        silent_cloud() as url,
        exporter_process(written(tmp_path, url), tmp_path / "log") as (_, address),
        httpx.Client(trust_env=False, timeout=20) as client,
    ):
        with connected(address, 500) as sockets:
            for one in sockets:
                one.sendall(f"{head}: 120\r\n\r\n".encode())
            assert statuses_of(sockets, 500 - limit) == {503: 500 - limit}
            for other in ("/-/healthy", "/-/ready", "/", "/exporter-metrics"):
                assert client.get(f"http://{address}{other}").status_code == 200
            rejected = client.get(f"http://{address}{path}")
            assert rejected.status_code == 503
            assert rejected.headers["Retry-After"] == "5"
        # They have disconnected, which makes room for others.
        short = {"X-Prometheus-Scrape-Timeout-Seconds": "1"}
        wait_until(
            lambda: (
                client.get(f"http://{address}{path}", headers=short).status_code == 200
            )
        )


def test_few_file_descriptors(tmp_path):
    """Idle connections leave descriptors for others, and the log stays short."""
    log = tmp_path / "log"
    with (
        exporter_process(written(tmp_path), log, descriptors=64) as (_, address),
        connected(address, 120),
    ):
        for _ in range(10):
            assert healthy(address)
        assert len(log.read_text()) < 3000
        assert "Traceback" not in log.read_text()


def test_sigterm_with_waiting_clients(tmp_path):
    """SIGTERM ends the exporter within five seconds, with status 0 and no traceback."""
    digest = DIGEST.replace("$04$", "$17$")
    users = Files(tmp_path).write(f"basic_auth_users: {{u: '{digest}'}}")
    log = tmp_path / "log"
    password = b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTp4\r\n\r\n"
    flag = f"--web.config.file={users}"
    with (
        exporter_process(written(tmp_path), log, flag) as (process, address),
        connected(address, 200) as sockets,
    ):
        for one in sockets[:50]:
            one.sendall(HEALTH)
        for one in sockets[50:100]:
            one.sendall(password)
        send_repeatedly(sockets[100:140], HEALTH * 1500, MEGABYTE)
        assert healthy(address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(6) == 0
    assert "Traceback" not in log.read_text()


def test_sigterm_with_waiting_scrapes(tmp_path):
    """Waiting scrapes and open handshakes do not delay the end on SIGTERM."""
    files = Files(tmp_path)
    flag = f"--web.config.file={files.write(TLS)}"
    log = tmp_path / "log"
    context = files.context()
    with (
        silent_cloud() as url,
        exporter_process(written(tmp_path, url), log, flag) as (process, address),
        contextlib.ExitStack() as stack,
    ):
        for _ in range(150):
            (one,) = stack.enter_context(connected(address, 1))
            stream = context.wrap_socket(one, server_hostname="127.0.0.1")
            stack.enter_context(stream).sendall(METRICS)
        with connected(address, 50):
            assert healthy(address, "https", context)
            process.send_signal(signal.SIGTERM)
            assert process.wait(6) == 0
    assert "Traceback" not in log.read_text()
