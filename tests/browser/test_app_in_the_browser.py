"""What a visitor sees who opens the address that ``sensitivity app`` prints."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from accessibility import violations
from laboratory import MINUTE, Complaints, Site, browse, join, serve_app
from playwright.sync_api import Locator, Page
from workbench import SCENE, STAGES, STILL, TWO_FRAMES, pixels

from sensitivity.app.server import TEMPLATES, Server
from sensitivity.session import parse_text

PAGE_SCRIPT = TEMPLATES / "page.js"

MOVED = f"""before => {{
  const {{x, y, z}} = {STAGES}.at(-1).compList[0].structure.atomStore;
  return before.some((old, i) => Math.abs([x, y, z][i % 3][Math.floor(i / 3)] - old) > 0.05);
}}"""
"""Whether some atom is 0.05 Å from where it was."""

LARGE = """bytes => {
  const reader = new FileReader();
  window.arrived = false;
  reader.onload = () => { window.arrived = true; };
  reader.readAsArrayBuffer(new File([new Uint8Array(bytes)], "large.xyz"));
}"""
"""What an upload button does first."""


@dataclass(frozen=True)
class Visitor:
    """A visitor's page, and what it complained about."""

    page: Page
    complaints: Complaints

    @property
    def molecule(self) -> Locator:
        canvas = ".sensitivity-explorer canvas:not(.jupyter-matplotlib canvas)"
        return self.page.locator(canvas).last

    @property
    def chart(self) -> Locator:
        return self.page.locator(".jupyter-matplotlib canvas").last

    @property
    def kernel(self) -> str:
        """Name of the process behind the page."""
        script = self.page.locator("#jupyter-config-data").text_content()
        assert script is not None
        name: str = json.loads(script)["kernelId"]
        return name

    @property
    def notice(self) -> Locator:
        return self.page.get_by_role("alert")

    def enter(self, site: Site) -> None:
        """Open the page and wait until both pictures are there."""
        self.page.goto(site.entrance)
        self.page.wait_for_function(f"() => {STAGES}.some(stage => stage.compList.length === 2)")
        self.chart.wait_for(state="visible")

    def scene(self) -> dict[str, Any]:
        """What NGL shows, once it stands still."""
        self.page.wait_for_function(STILL)
        self.page.evaluate(TWO_FRAMES)
        return {name: np.array(value) for name, value in self.page.evaluate(SCENE).items()}

    def move(self, key: str) -> dict[str, Any]:
        """Press a key on the amplitude slider until atoms have moved, and return what is shown."""
        before = self.scene()
        row = self.page.locator(".widget-slider", has=self.page.get_by_text("amplitude (Å)"))
        row.last.locator(".noUi-handle").focus()
        for _ in range(20):
            self.page.keyboard.press(key)
        self.page.wait_for_function(MOVED, arg=before["atoms"].tolist())
        return self.scene()


@pytest.fixture(scope="module")
def site(browser: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve_app(tmp_path_factory.mktemp("app")) as site:
        yield site


@pytest.fixture(scope="module")
def opened(browser: str, site: Site) -> Iterator[Visitor]:
    with browse(browser) as (page, complaints):
        visitor = Visitor(page, complaints)
        visitor.enter(site)
        yield visitor


@pytest.fixture
def visitor(opened: Visitor) -> Iterator[Visitor]:
    """The page at its start; a test fails too if it complains meanwhile."""
    opened.page.get_by_role("button", name="reset").click()
    opened.scene()
    yield opened
    assert opened.complaints.console == []
    assert opened.complaints.elsewhere == []


@pytest.fixture
def other(visitor: Visitor) -> Iterator[Visitor]:
    """Somebody else, who has not opened the page yet."""
    page, complaints = join(visitor.page)
    yield Visitor(page, complaints)
    page.context.close()
    assert complaints.elsewhere == []


@contextmanager
def serve_folder(folder: Path) -> Iterator[str]:
    """Another site: a folder on another port."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def wait_until(condition: Callable[[], bool], *, seconds: float = MINUTE / 1000) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.1)


def test_molecule_and_chart_are_drawn(visitor: Visitor) -> None:
    picture = pixels(visitor.molecule)
    assert 0.03 < (picture.min(axis=2) < 250).mean() < 0.6
    assert (picture.max(axis=2) < 40).mean() < 0.01
    assert 0.02 < (pixels(visitor.chart).min(axis=2) < 200).mean() < 0.6
    assert visitor.page.title() == "sensitivity: the explorer"
    assert visitor.page.locator("#loading, #notice:visible").count() == 0


def test_icons_come_with_the_page(visitor: Visitor) -> None:
    fonts = visitor.page.evaluate(
        "() => [...document.fonts].filter(font => font.status === 'loaded').map(f => f.family)"
    )
    assert any("Awesome" in font for font in fonts)


def test_the_arrow_keys_move_the_atoms_and_the_chart_but_not_the_camera(visitor: Visitor) -> None:
    visitor.move("ArrowRight")  # everything has been drawn once
    before, chart = visitor.scene(), pixels(visitor.chart)
    # The chart follows the atoms, and may not have come yet: to where it has never been.
    visitor.move("ArrowLeft")
    after = visitor.move("ArrowLeft")
    for name in ("camera", "components", "geometries", "textures"):
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)
    assert np.abs(after["arrows"] - before["arrows"]).max() > 0.05
    wait_until(lambda: (pixels(visitor.chart) != chart).any(axis=2).sum() > 100)


@pytest.mark.parametrize("width", [900, 1300, 1900])
def test_the_page_fits(visitor: Visitor, width: int) -> None:
    visitor.page.set_viewport_size({"width": width, "height": 900})
    explorer = visitor.page.locator(".sensitivity-explorer").last

    def fits() -> bool:
        box = explorer.bounding_box()
        sizes = visitor.page.evaluate(
            "() => [document.documentElement, ...document.querySelectorAll('.jp-OutputArea')]"
            ".map(e => e.scrollWidth - e.clientWidth)"
        )
        wide = box is not None and box["width"] > min(0.9 * width, 1230)
        return wide and abs(box["x"] + box["width"] / 2 - width / 2) < 20 and max(sizes) <= 0

    wait_until(fits, seconds=10)


def test_on_a_phone_molecule_and_slider_are_in_sight_together(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 390, "height": 800})
    row = visitor.page.locator(".widget-slider", has=visitor.page.get_by_text("amplitude (Å)")).last
    visitor.page.evaluate("() => window.scrollTo(0, 0)")

    def fits() -> bool:
        boxes = [part.bounding_box() for part in (visitor.molecule, row)]
        return all(box and box["y"] >= 0 and box["y"] + box["height"] <= 800 for box in boxes)

    wait_until(fits, seconds=10)
    visitor.page.set_viewport_size({"width": 1300, "height": 900})


def test_the_page_follows_the_colours_that_the_browser_prefers(visitor: Visitor) -> None:
    parts = visitor.page.locator("body"), visitor.molecule, visitor.chart
    for scheme, light in (("dark", False), ("light", True)):
        visitor.page.emulate_media(color_scheme=scheme)
        wait_until(
            lambda light=light: all((np.median(pixels(part)) > 128) == light for part in parts)
        )
    assert violations(visitor.page) == []


def test_axe_finds_no_serious_violation(visitor: Visitor) -> None:
    visitor.page.get_by_text("is invisible by symmetry").wait_for()
    assert violations(visitor.page) == []


def test_without_the_token_there_is_a_sentence_and_no_process(
    site: Site, visitor: Visitor, other: Visitor
) -> None:
    wait_until(lambda: len(site.kernels()) == 2)  # of the visitor, and the one in waiting
    before = site.kernels()
    for address in (site.address, f"{site.address}/?token=wrong"):
        answer = other.page.goto(address)
        assert answer is not None
        assert answer.status == 403
        other.page.get_by_text("Open the complete link, including the token").wait_for()
    assert other.page.locator(".sensitivity-explorer").count() == 0
    assert site.kernels() == before


def test_two_visitors_do_not_disturb_each_other(
    site: Site, visitor: Visitor, other: Visitor
) -> None:
    other.enter(site)
    assert other.kernel != visitor.kernel
    wait_until(lambda: np.allclose(other.scene()["atoms"], visitor.scene()["atoms"], atol=1e-5))
    theirs = other.scene()
    moved = visitor.move("ArrowRight")
    np.testing.assert_array_equal(other.scene()["atoms"], theirs["atoms"])
    other.move("ArrowLeft")
    np.testing.assert_array_equal(visitor.scene()["atoms"], moved["atoms"])
    assert other.complaints.console == []
    gone = other.kernel
    assert gone in site.kernels()
    other.page.close(run_before_unload=True)
    wait_until(lambda: gone not in site.kernels())
    visitor.move("ArrowLeft")


FOREIGN = """
<a href="{link}">open</a><img src="{link}"><iframe src="{link}"></iframe>
<object data="{link}"></object><script src="{link}"></script>
<link rel="stylesheet" href="{link}"><link rel="prefetch" href="{link}">
<script>
  window.tries = Promise.allSettled([
    fetch("{link}", {{mode: "no-cors", credentials: "include"}}),
    fetch("{link}", {{credentials: "include"}}),
    new Promise(done => {{ new WebSocket("{socket}").onclose = done; }}),
  ]).then(() => true);
</script>"""


def test_another_web_page_starts_no_process_and_its_link_opens_the_explorer(
    site: Site, visitor: Visitor, tmp_path: Path
) -> None:
    wait_until(lambda: len(site.kernels()) >= 2)  # the one of the visitor, and the spare one
    socket = f"ws{site.address[4:]}/api/kernels/{visitor.kernel}/channels"
    (tmp_path / "index.html").write_text(FOREIGN.format(link=site.entrance, socket=socket))
    page, complaints = join(visitor.page)
    with serve_folder(tmp_path) as address:
        page.goto(site.entrance.replace("/?", "/no-such-page?"))  # sets the cookies of a visitor
        assert page.context.cookies() != []
        before = site.kernels()
        page.goto(address)
        page.evaluate("() => window.tries")
        assert site.kernels() == before
        page.get_by_text("open").click()
        Visitor(page, complaints).molecule.wait_for(state="visible")
    page.context.close()


def test_the_file_that_opens_the_browser_leads_to_the_explorer(
    site: Site, visitor: Visitor, tmp_path: Path
) -> None:
    page, complaints = join(visitor.page)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("webbrowser.open", lambda _: None)
        Server.launch_browser(SimpleNamespace(address=site.entrance, connection_dir=tmp_path))
    page.goto((tmp_path / "open.html").as_uri())
    Visitor(page, complaints).molecule.wait_for(state="visible")
    page.context.close()
    assert complaints.console == []


def test_a_file_that_is_too_large_is_refused_in_words(visitor: Visitor) -> None:
    visitor.page.evaluate(LARGE, 5_000_001)
    visitor.notice.wait_for()
    assert visitor.notice.text_content().startswith("The file large.xyz has 5.0 MB, and the page")
    assert visitor.page.evaluate("() => window.arrived") is False
    visitor.page.evaluate(LARGE, 5_000_000)
    visitor.page.wait_for_function("() => window.arrived")
    assert not visitor.notice.is_visible()


KEPT = "sensitivity-session"


def test_a_reload_keeps_the_session(site: Site, visitor: Visitor, other: Visitor) -> None:
    other.enter(site)
    other.move("ArrowRight")
    wait_until(lambda: kept_amplitude(other) == 0.2)
    shown, kernel = other.scene(), other.kernel
    other.page.reload()
    other.page.get_by_text("Opened the session.").wait_for()
    assert other.kernel != kernel
    wait_until(lambda: np.allclose(other.scene()["atoms"], shown["atoms"], atol=1e-5))
    np.testing.assert_allclose(other.scene()["arrows"], shown["arrows"], atol=1e-5)
    token = site.entrance.split("token=")[1]
    assert token not in other.page.evaluate("() => JSON.stringify(sessionStorage)")
    assert other.complaints.console == []


def kept_amplitude(visitor: Visitor) -> float | None:
    """Amplitude of the session that the tab keeps, if it has one yet."""
    text = visitor.page.evaluate("key => sessionStorage.getItem(key)", KEPT)
    return parse_text(text).amplitude if text else None


def test_a_link_opens_elsewhere_and_has_no_token(
    site: Site, visitor: Visitor, other: Visitor
) -> None:
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown = visitor.move("ArrowRight")
    visitor.page.get_by_role("button", name="Copy link").click()
    visitor.page.get_by_text("Copied the link.").wait_for()
    read = "() => navigator.clipboard.readText()"
    wait_until(lambda: "#state=" in visitor.page.evaluate(read))
    link = visitor.page.evaluate(read)
    address, state = link.split("#state=")
    assert (address, "token" in link) == (f"{site.address}/", False)
    assert site.entrance.split("token=")[1] not in link
    assert parse_text(state).amplitude == 0.2
    other.page.goto(site.entrance.replace("/?", "/no-such-page?"))  # sets the cookies of a visitor
    other.page.goto(link)
    other.page.get_by_text("Opened the session.").wait_for()
    assert other.page.url == f"{site.address}/"
    wait_until(lambda: np.allclose(other.scene()["atoms"], shown["atoms"], atol=1e-5))
    other.page.evaluate("() => { location.hash = '#state=window.ran=1'; }")
    other.page.get_by_text("This link has no session that can be read").wait_for()
    assert other.page.evaluate("() => window.ran") is None
    np.testing.assert_allclose(other.scene()["atoms"], shown["atoms"], atol=1e-5)
    assert [each for each in other.complaints.console if "404" not in each] == []


@pytest.mark.parametrize(("state", "words"), [("loading", ""), ("complete", "could not start")])
def test_a_page_without_a_process_waits_until_it_has_loaded(
    visitor: Visitor, state: str, words: str
) -> None:
    page, complaints = join(visitor.page)
    page.clock.install()
    page.set_content('<p id="loading_text"></p><div id="notice" role="alert" hidden></div>')
    page.evaluate(f"() => Object.defineProperty(document, 'readyState', {{value: '{state}'}})")
    page.add_script_tag(content=f"const UPLOAD_LIMIT = 1; {PAGE_SCRIPT.read_text()}")
    page.clock.run_for(60_000)
    assert words in (page.locator("#notice").text_content() or "")
    assert page.locator("#notice").is_visible() is bool(words)
    page.context.close()
    assert complaints.console == []


def test_a_page_says_when_its_process_has_ended(site: Site, other: Visitor) -> None:
    other.enter(site)
    ended = other.kernel
    for process in psutil.process_iter(["cmdline"]):
        if any(word.endswith(f"kernel-{ended}.json") for word in process.info["cmdline"] or ()):
            process.kill()
    other.page.get_by_text("The process behind this page has ended.").wait_for()
    assert other.page.locator(".sensitivity-explorer").evaluate(
        "e => [e.closest('[inert]') !== null, getComputedStyle(e.closest('[inert]')).opacity]"
    ) == [True, "0.5"]
    other.page.set_viewport_size({"width": 900, "height": 900})
    other.page.evaluate(TWO_FRAMES)
    assert not any("Cannot send" in said for said in other.complaints.console)
    other.page.reload()
    other.molecule.wait_for(state="visible")
    assert other.kernel != ended
