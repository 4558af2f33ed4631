"""The page of the explorer as a server: who comes in, what is there, and what is refused."""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from sensitivity import app
from sensitivity.cli.main import main

if find_spec("voila") is None:
    pytest.skip("needs voila, of the extra lab", allow_module_level=True)

from app_server import Site, answer, ask, send, serve, tell
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from sensitivity.app import server
from sensitivity.app.server_limits import ServerLimit
from sensitivity.limits import Limit

pytestmark = pytest.mark.slow

ERROR_IN_LOG = "The error is shown in the terminal"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("app")) as site:
        yield site


@pytest.fixture(scope="module")
def kernel(site: Site) -> Iterator[str]:
    """The process of a visitor, whose page is connected."""
    kernel = site.enter()
    with site.connect(kernel):
        yield kernel


# The command


def test_the_command_asks_for_a_token_and_opens_a_browser(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(server, "serve", lambda **options: asked.append(options) or 0)
    assert main(["app"]) == 0
    assert main(["app"]) == 0
    assert main(["app", "--port", "9000", "--no-browser", "--no-token"]) == 0
    first, second, third = asked
    assert (first["port"], first["browser"]) == (None, True)
    assert len(first["token"]) == 32
    assert first["token"] != second["token"]
    assert (third["port"], third["browser"], third["token"]) == (9000, False, "")
    first["announce"]("It is there.")
    assert capsys.readouterr().out == "It is there.\n"


def test_a_port_that_does_not_exist_is_refused(capsys):
    assert main(["app", "--port", "70000"]) == 2
    assert "the port must be from 0 to 65535, got 70000" in capsys.readouterr().err


def test_windows_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(app.sys, "platform", "win32")
    assert main(["app"]) == 2
    assert "served on Linux and macOS only" in capsys.readouterr().err


@pytest.mark.parametrize(("module", "name"), app.NEEDED.items())
def test_what_is_missing_is_named(monkeypatch, capsys, module, name):
    monkeypatch.setattr(app, "find_spec", lambda wanted: None if wanted == module else object())
    assert main(["app"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"sensitivity: {name} is not installed, and the page needs it; run: ")
    assert error.endswith('pip install "atomic-sensitivity[lab]"\n')


def test_a_port_that_is_taken_is_named_unless_any_will_do(monkeypatch, capsys):
    with socket.create_server((server.ADDRESS, 0)) as other:
        taken = other.getsockname()[1]
        assert main(["app", "--port", str(taken)]) == 2
        assert f"port {taken} cannot be used" in capsys.readouterr().err
        monkeypatch.setattr(server, "PORT", taken)
        with server.bind(None) as own:
            assert own.getsockname()[0] == "127.0.0.1"
            assert own.getsockname()[1] != taken


def test_the_browser_gets_the_address_in_a_file_of_this_user(monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(server.webbrowser, "open", opened.append)
    page = SimpleNamespace(address="http://127.0.0.1:1/?token=a&b", connection_dir=str(tmp_path))
    server.Server.launch_browser(page)
    deadline = time.monotonic() + 10
    while not opened and time.monotonic() < deadline:
        time.sleep(0.01)
    assert opened == [(tmp_path / "open.html").as_uri()]
    assert "url=http://127.0.0.1:1/?token=a&amp;b" in (tmp_path / "open.html").read_text()


def test_the_notebook_of_the_page_is_in_order():
    notebook = nbformat.read(server.NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(cell.outputs == [] for cell in notebook.cells if cell.cell_type == "code")


# Who comes in


def test_only_this_machine_can_connect(site):
    found = {connection.laddr.ip for connection in site.process.net_connections("tcp")}
    assert found == {"127.0.0.1"}


def test_no_other_user_can_connect_to_a_process(site, kernel):
    assert site.folder.stat().st_mode & 0o777 == 0o700
    assert len([path for path in site.folder.iterdir() if path.is_socket()]) >= 5
    with site.inside(kernel) as client:  # it is ready, with all the ports that it opens
        client.kernel_info(reply=True, timeout=30)
        for process in site.process.children(recursive=True):
            assert process.net_connections("inet") == []
    ports = {c.laddr.port for c in site.process.net_connections("inet") if c.status == "LISTEN"}
    assert len(ports) == 1


OFFERED = "[name for _, name in explorer.settings.descriptor.options]"


def offered(site: Site) -> str:
    """The names in the control of a visitor."""
    with site.inside(site.enter()) as client:
        expressions = {"names": OFFERED}
        reply = client.execute("", user_expressions=expressions, reply=True, timeout=60)
    return reply["content"]["user_expressions"]["names"]["data"]["text/plain"]


def test_a_page_offers_native_descriptors_only(site):
    assert offered(site) == "['1', '2', '3', '4', 'overlap-matrix']"


def test_a_page_offers_what_it_was_started_with(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")  # short: sockets in a long path are put elsewhere
    (folder / "own.py").write_text("def count(atoms): return [[1.0]] * len(atoms)\n")
    given = ["--descriptor", f"{folder}/own.py:count cutoff=3", "--descriptor", "dscribe-soap"]
    with serve(folder, *given) as site:
        assert offered(site) == "['1', '2', '3', '4', 'overlap-matrix', 'count', 'dscribe-soap']"


def test_with_the_token_there_is_the_explorer(site):
    status, text, headers = site.get("/")
    assert status == 200
    assert "What does a descriptor not see?" in text
    assert "application/vnd.jupyter.widget-view+json" in text
    assert "structures.load" not in text
    assert headers["Content-Security-Policy"].startswith("default-src 'self'; ")
    assert headers["Referrer-Policy"] == "no-referrer"


def test_nothing_in_the_page_comes_from_elsewhere(site):
    _, text, _ = site.get("/")
    loaded = re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]*)"', text)
    assert len(loaded) > 3
    assert [address for address in loaded if not re.match(r"/voila/|data:", address)] == []


FILES = ["/voila/templates/lab/static/voila.js", "/voila/static/voila.js", "/voila/files/x"]


@pytest.mark.parametrize("path", ["/", "/?token=wrong", "/login", *FILES])
def test_without_the_token_there_is_a_sentence(site, path):
    status, text, _ = site.get(path, token=False)
    assert status == 403
    assert "Open the complete link, including the token" in text
    assert "<form" not in text


def test_without_the_token_a_process_is_out_of_reach(site, kernel):
    assert site.get(f"/api/kernels/{kernel}", token=False)[0] == 403
    stranger = Site(site.address, "wrong", site.process, site.log)
    with pytest.raises(InvalidStatus, match="403"):
        stranger.connect(kernel)


def test_a_name_of_another_machine_is_refused(site):
    for path in ("/", *FILES):
        assert site.get(path, headers={"Host": "elsewhere.example"})[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/api/contents",
        "/api/kernels",
        "/api/sessions",
        "/api/terminals",
        "/lab",
        "/voila/tree",
        "/voila/render/explorer.ipynb",
        "/voila/files/explorer.ipynb",
        "/voila/files/server.py",
        "/voila/files/../cli.py",
        "/voila/static/../app.py",
        "/voila/templates/x",
        "/voila/templates/../x",
        "/explorer.ipynb",
    ],
)
def test_nothing_else_is_there(site, path):
    status, text, _ = site.get(path)
    assert status in (403, 404)
    assert "import" not in text


# Other web pages

CROSS = {"Sec-Fetch-Site": "cross-site"}
LINK = CROSS | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
OTHER_PORT = {"Origin": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    "headers",
    [
        CROSS | {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        CROSS | {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        CROSS | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        CROSS | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object"},
        CROSS,
        LINK | {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "iframe"},
        LINK | {"Sec-Purpose": "prefetch"},
        LINK | {"Sec-Purpose": "prefetch;prerender"},
        {"Sec-Fetch-Site": "none", "Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        OTHER_PORT,
    ],
    ids=str,
)
def test_another_web_page_cannot_start_a_process(site, kernel, headers):
    before = site.kernels()
    status, text, _ = site.get(f"/?token={site.token}", headers=headers)
    assert status == 403
    assert "Another web page made this request" in text or "when its page is opened" in text
    assert site.kernels() <= before


@pytest.mark.parametrize("headers", [CROSS | {"Sec-Fetch-Mode": "websocket"}, OTHER_PORT], ids=str)
def test_another_web_page_cannot_reach_a_process(site, kernel, headers):
    assert site.get(f"/api/kernels/{kernel}", headers=headers)[0] == 403
    with pytest.raises(InvalidStatus, match="403"):
        site.connect(kernel, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [LINK, LINK | {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}],
    ids=str,
)
def test_a_link_opens_the_page_and_a_program_needs_no_headers(site, headers):
    path = f"/no-such-page?token={site.token}"  # it gets as far as that, and starts no process
    assert site.get(path, token=False, headers=headers)[0] == 404
    assert site.get(path, token=False)[0] == 404


def test_cookies_are_not_sent_with_requests_of_other_sites(site):
    cookies = site.get(f"/?token={site.token}", token=False)[2].get_all("Set-Cookie")
    assert len(cookies) == 2
    assert all("samesite=strict" in cookie.lower() for cookie in cookies)


# What is refused


@pytest.mark.parametrize(
    ("kind", "channel"),
    [
        ("execute_request", "shell"),
        ("execute_request", "control"),
        ("debug_request", "control"),
        ("complete_request", "shell"),
        ("inspect_request", "shell"),
        ("history_request", "shell"),
    ],
)
def test_a_visitor_cannot_run_code(site, kernel, tmp_path, kind, channel):
    trace = tmp_path / "trace"
    code = f"open({str(trace)!r}, 'w')"
    content = {"code": code, "silent": False, "user_expressions": {"x": code}, "cursor_pos": 1}

    with site.connect(kernel) as connection:
        # What the process answers later, it has heard later: the first was never passed on.
        heard = tell(connection, ask(kind, content, channel=channel))
    assert kind.replace("request", "reply") not in heard
    assert not trace.exists()


def test_widgets_are_heard(site, kernel):
    with site.connect(kernel) as connection:
        send(connection, ask("comm_info_request", {"target_name": "jupyter.widget"}))
        assert answer(connection, "comm_info_reply").count("jupyter.widget") > 20


@pytest.mark.parametrize("protocol", ["", "another"])
def test_another_protocol_is_refused(site, kernel, protocol):
    with pytest.raises(InvalidStatus, match="400"):
        site.connect(kernel, protocol=protocol)


@pytest.mark.parametrize(
    "message",
    [
        (10**18).to_bytes(8, "little") + bytes(100),
        (7).to_bytes(8, "little") + bytes(20),
        b"",
        json.dumps(ask("comm_info_request", {})),
    ],
    ids=["a lot of parts", "parts that are missing", "nothing", "text"],
)
def test_who_does_not_speak_as_a_page_does_is_cut_off_and_nobody_else(site, kernel, message):
    with site.connect(kernel) as connection, site.connect(kernel) as other:
        connection.send(message)
        with pytest.raises(ConnectionClosedError, match="1003"):
            answer(connection, "never")
        tell(other, ask("comm_msg", {"comm_id": "none", "data": "x"}))


def test_who_sends_too_much_is_cut_off_and_nobody_else(site, kernel):
    # Of a message that is too long the beginning is enough: what follows would cross the answer.
    beginning = struct.pack("!BBQ4s", 0x81, 0xFF, ServerLimit.MESSAGE + 1, bytes(4))
    with site.connect(kernel) as connection, site.connect(kernel) as other:
        tell(connection, ask("comm_msg", {"comm_id": "none", "data": "x" * Limit.UPLOAD}))
        connection.socket.sendall(beginning)
        with pytest.raises(ConnectionClosedError, match="1009"):
            answer(connection, "never")
        tell(other, ask("comm_msg", {"comm_id": "none", "data": "x"}))


def test_a_large_request_is_refused_before_it_is_read(site):
    connection = HTTPConnection(site.address.removeprefix("http://"), timeout=30)
    with closing(connection):
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", str(ServerLimit.REQUEST + 1))
        connection.endheaders()
        assert connection.getresponse().status == 400


def test_what_fails_is_said_in_words(tmp_path):
    broken = tmp_path / "broken" / "nglview"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('something private')")
    paths = [str(broken.parent), str(Path(app.__file__).parents[2])]
    with serve(tmp_path, PYTHONPATH=os.pathsep.join(paths)) as site:
        status, text, _ = site.get("/")
        assert status == 200
        assert ERROR_IN_LOG in text
        for private in ("something private", "RuntimeError", "Traceback", "Voil"):
            assert private not in re.sub(r"(?s)<script.*?</script>|<style.*?</style>", "", text)
        assert "something private" in site.log.read_text()
