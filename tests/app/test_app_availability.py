"""The server of the app stays up, whatever a visitor, another page or a signal does."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from importlib.util import find_spec

import psutil
import pytest

if find_spec("voila") is None:
    pytest.skip("needs voila, of the extra lab", allow_module_level=True)

from app_server import COMMAND, Site, ask, send, serve, tell
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from sensitivity.app.server_limits import ServerLimit

pytestmark = pytest.mark.slow

LEAVINGS = 40
ABORTED = 10
SOON = 20.0
"""Seconds within which the next visitor gets in."""

MUCH = """
from comm import create_comm
comm = create_comm(target_name="none")
for _ in range(400):
    comm.send({}, buffers=[bytes(1_000_000)])
"""
"""Sends 400 MB to the page."""

IGNORED = """
from pathlib import Path
signal.signal(signal.SIGHUP, signal.SIG_IGN)
end_on_signals(lambda: None, Path("none"))
assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
assert callable(signal.getsignal(signal.SIGTERM))
"""

IDLE = 75.0
"""Seconds: more than two pings."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("app")) as site:
        yield site


@pytest.fixture(scope="module", autouse=True)
def idle(site: Site) -> Iterator[tuple[ClientConnection, float]]:
    """A page that is only looked at, while the other tests run, and since when."""
    with site.connect(site.enter()) as connection:
        yield connection, time.monotonic()


def wait_until(condition: Callable[[], object], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.05)


def is_answering(connection: ClientConnection) -> bool:
    return "kernel_info_reply" in tell(connection, ask("comm_msg", {"comm_id": "none", "data": 0}))


# Pages that leave


def test_pages_that_leave_while_arrays_are_sent_do_not_stop_the_server(site):
    kernel = site.enter()
    rng = random.Random(0)
    for number in range(LEAVINGS):
        site.leave(kernel, moment=0.3 * rng.random(), politely=number % 2 == 0)
    began = time.monotonic()
    assert site.enter() != kernel
    assert time.monotonic() - began < SOON
    assert "Traceback" not in site.log.read_text()


def test_ten_loads_that_are_aborted_leave_places_for_the_next_visitor(site):
    host, port = site.address.removeprefix("http://").split(":")
    before = site.kernels()

    def abort(number: int) -> None:
        with socket.create_connection((host, int(port))) as connection:
            request = f"GET /?token={site.token} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n"
            connection.sendall(request.encode())
            for _ in range(number % 3):  # before an answer, in its head, or in the page
                connection.recv(1000)

    with ThreadPoolExecutor(ABORTED) as pool:
        list(pool.map(abort, range(ABORTED)))
    began = time.monotonic()
    entered = site.enter()
    assert time.monotonic() - began < SOON
    # Of the new processes, that of the visitor and the spare one are left.
    wait_until(lambda: len(site.kernels() - before - {entered}) <= 1)
    assert "Traceback" not in site.log.read_text()


def test_the_process_of_a_page_that_never_connects_ends(site):
    kernel = site.enter()
    assert kernel in site.kernels()
    wait_until(lambda: kernel not in site.kernels(), seconds=ServerLimit.SILENT + 5)


def test_a_page_that_reads_nothing_is_disconnected_before_the_server_is_full(site):
    kernel = site.enter()
    with site.inside(kernel) as client, site.connect(kernel, reads=False) as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        before = site.process.memory_info().rss
        client.execute(MUCH, silent=True, reply=True, timeout=60)
        wait_until(lambda: json.loads(site.get(f"/api/kernels/{kernel}")[1])["connections"] == 0)
        assert site.process.memory_info().rss - before < 200e6


def test_messages_that_a_process_does_not_read_are_bounded(site):
    """One on a channel that no process reads, and many to a process that is stopped."""
    kernel = site.enter()
    with site.connect(kernel) as connection:
        send(connection, ask("comm_msg", {"comm_id": "none", "data": 0}, channel="stdin"))
        with pytest.raises(ConnectionClosed, match="not a message of a page"):
            connection.recv(timeout=30)
    before = site.process.memory_info().rss
    (program,) = find_processes(site, [kernel])
    with site.connect(kernel) as connection:
        assert is_answering(connection)
        program.suspend()
        try:
            with pytest.raises(ConnectionClosed, match="the process does not keep up"):
                flood(connection)
        finally:
            program.resume()
    assert site.process.memory_info().rss - before < 200e6


def flood(connection: ClientConnection) -> None:
    for _ in range(20):
        send(connection, ask("comm_msg", {"comm_id": "none", "data": "x" * 9_000_000}))
    while True:
        connection.recv(timeout=30)


def test_a_page_cannot_take_all_connections(site):
    kernel = site.enter()
    with ExitStack() as stack:
        for _ in range(ServerLimit.WEBSOCKETS):
            stack.enter_context(site.connect(kernel))
        with pytest.raises(InvalidStatus, match="429"):
            site.connect(kernel)


def test_connections_that_send_nothing_keep_nobody_out(site):
    host, port = site.address.removeprefix("http://").split(":")
    with ExitStack() as stack:
        held = [
            stack.enter_context(socket.create_connection((host, int(port))))
            for _ in range(4 * ServerLimit.SILENT_CONNECTIONS)
        ]
        began = time.monotonic()
        site.enter()
        assert time.monotonic() - began < SOON
        assert held[0].recv(1) == b""  # the oldest was closed
    assert "Too many open files" not in site.log.read_text()


def test_a_spare_process_that_was_killed_is_not_given_to_a_visitor(site):
    before = site.kernels()  # a spare one may be among them, which the visitor gets
    given = before | {site.enter()}
    wait_until(lambda: find_processes(site, site.kernels() - given), seconds=ServerLimit.DELAY + 30)
    spare = site.kernels() - given
    for process in find_processes(site, spare):
        process.kill()
    wait_until(lambda: not find_processes(site, spare))
    with site.connect(site.enter()) as connection:
        assert is_answering(connection)


def test_a_process_that_ends_before_it_answers_is_replaced(site):
    """A stopped process is alive to the server, which gives it to the visitor, and then ends."""
    given = site.kernels() | {site.enter()}
    wait_until(lambda: find_processes(site, site.kernels() - given), seconds=ServerLimit.DELAY + 30)
    spare = find_processes(site, site.kernels() - given)
    for process in spare:
        process.suspend()
    with ThreadPoolExecutor() as visitors:
        visit = visitors.submit(site.enter)
        time.sleep(
            2
        )  # the visitor waits for the process; if it came later, nothing would be tested
        assert not visit.done()
        for process in spare:
            process.kill()
        with site.connect(visit.result()) as connection:
            assert is_answering(connection)


def find_processes(site: Site, kernels: Iterable[str]) -> list[psutil.Process]:
    names = [f"kernel-{kernel}.json" for kernel in kernels]
    found = []
    for process in site.process.children():
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):  # it has ended meanwhile
            command = str(process.cmdline())
            if any(name in command for name in names):
                found.append(process)
    return found


@pytest.mark.parametrize("closed", ["2>&-", "2>&- <&-"])
def test_closed_streams_are_no_harm(tmp_path, closed):
    command = f"exec {' '.join(COMMAND)} {closed}"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, shell=True, stdout=subprocess.PIPE, env=environment, text=True
    ) as one:
        try:
            found = re.search(r"(http\S+)/\?token=(\S+)", one.stdout.readline())
            site = Site(found[1], found[2], psutil.Process(one.pid), tmp_path / "log")
            with site.connect(site.enter()) as connection:
                assert is_answering(connection)
        finally:
            one.terminate()


# What a process may use, and what leaves it


@pytest.mark.parametrize(
    "code", ["bytearray(1_000_000_000)", "__import__('numpy').ones(200_000_000)"]
)
def test_a_process_cannot_take_more_than_a_gigabyte(site, code):
    with site.inside(site.enter()) as client:
        reply = client.execute(code, silent=True, reply=True, timeout=60)
        assert reply["content"]["ename"].endswith("MemoryError")
        assert client.execute("2 + 2", reply=True, timeout=60)["content"]["status"] == "ok"


def test_what_does_not_fit_into_a_process_is_refused_in_a_sentence(site):
    code = "from sensitivity.memory import require_memory as require\n"
    code += "require(9e8, purpose='features', remedy='choose fewer')"
    with site.inside(site.enter()) as client:
        content = client.execute(code, silent=True, reply=True, timeout=60)["content"]
    assert content["ename"] == "ValueError"
    assert content["evalue"].startswith("features need 0.9 GB of memory, and 0.")


def test_a_process_that_fails_ends_alone(site, idle):
    kernel = site.enter()
    with site.inside(kernel) as client, site.connect(kernel):
        client.execute("import os; os.abort()", silent=True)
        wait_until(lambda: site.get(f"/api/kernels/{kernel}")[0] == 404)
    assert is_answering(idle[0])
    assert site.enter() != kernel


def test_output_and_errors_are_in_the_log_and_not_on_the_page(site):
    kernel = site.enter()
    code = "import sys; print('/private/output'); print('/private/path', file=sys.stderr); 1 / 0"
    with site.inside(kernel) as client, site.connect(kernel) as connection:
        assert is_answering(connection)
        client.execute(code, reply=True, timeout=30)
        heard = tell(connection, ask("comm_msg", {"comm_id": "none", "data": 0}))
        wait_until(lambda: "ZeroDivisionError" in site.log.read_text())
    assert "status" in heard
    for private in ("/private", "ZeroDivision", "print("):
        assert private not in heard
    assert "/private/path" in site.log.read_text()


def test_the_token_is_not_in_the_log(site):
    spelled = "".join(f"%{ord(letter):02x}" for letter in site.token)
    for name, value in (("token", site.token), ("token", spelled), ("%74oken", site.token)):
        for path in ("/", "/no-such-page", "/api/kernels/0-0-0-0-0", "/login", "/voila/files/a"):
            for headers in ({"Host": "elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}, {}):
                site.get(
                    f"{path}?{name}={value}", token=False, headers=headers or {"Origin": "null"}
                )
        assert site.get(f"/no-such-page?{name}={value}", token=False)[0] == 404
    log = site.log.read_text()
    assert "403 GET /no-such-page" in log
    assert site.token not in log
    assert spelled not in log


# Where it runs, and how it ends


# Even root can write to neither: the first is a file, the second a file system of the kernel.
@pytest.mark.parametrize("home", ["/dev/null/home", "/proc"])
def test_no_home_is_needed(tmp_path_factory, home):
    with serve(tmp_path_factory.mktemp("app"), HOME=home) as site:
        with site.connect(site.enter()) as connection:
            assert is_answering(connection)
        assert "Traceback" not in site.log.read_text()


HANGUP = [signal.SIGHUP]
TWICE = [signal.SIGINT, signal.SIGINT]
MIXED = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]


@pytest.mark.parametrize("signals", [[signal.SIGINT], HANGUP, TWICE, MIXED], ids=str)
def test_nothing_is_left_behind_after_a_signal(tmp_path_factory, signals):
    with serve(tmp_path_factory.mktemp("app"), signals=signals) as site:
        wait_until(site.process.children)


def test_nothing_is_left_behind_after_a_signal_at_the_start(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    environment = os.environ | {"TMPDIR": str(folder)}
    with subprocess.Popen(COMMAND, env=environment, stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: list(folder.iterdir()))
        process.terminate()
        assert process.wait(timeout=30) == 0
    assert list(folder.iterdir()) == []


BUSY = """
from pathlib import Path
from sensitivity.app import folder
folder.ServerLimit.ENDING = 0.1
folder.end_on_signals(lambda: None, Path({folder!r}))
print("busy", flush=True)
while True:
    pass
"""


def test_a_server_that_is_busy_for_good_ends_nevertheless(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir()
    code = BUSY.format(folder=str(folder))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"busy\n"
        process.terminate()
        assert process.wait(timeout=30) == 1
    assert not folder.exists()


def test_a_signal_that_is_ignored_remains_ignored():
    code = "import signal\nfrom sensitivity.app.folder import end_on_signals" + IGNORED
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# The last test: the others are over by then


def test_a_websocket_that_is_idle_stays_open(site, idle):
    connection, since = idle
    time.sleep(max(0.0, since + IDLE - time.monotonic()))
    assert is_answering(connection)
