"""Every control of the explorer, as a person uses it.

Each has to do what it says. In the mutation run, ``pytest -m mutation tests/browser``, the
connection of each control is cut in turn, and then it must not: so no test passes for another
reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator
from workbench import Workbench

LONGEST = 30.0
"""Seconds that what a control does may take on a slow machine."""

CUT = 1.5
"""Seconds in which nothing may happen when its connection is cut."""

# Makes another explorer in the place of the one before, in which one control does nothing.
RENEW = """
def renew(explorer_class, place, cut, before):
    from functools import partial
    from sensitivity.explorers import wiring
    keep = wiring.values, wiring.clicks, explorer_class.__init__
    def without(entries, explorer):
        return {name: entry for name, entry in entries(explorer).items() if name != cut}
    wiring.values, wiring.clicks = partial(without, keep[0]), partial(without, keep[1])
    try:
        made = explorer_class()
    finally:
        wiring.values, wiring.clicks = keep[:2]
    if cut == "cancel":
        made.panel.cancel._click_handlers.callbacks.clear()
    if cut.startswith("chart"):
        made.chart.figure.canvas.callbacks.callbacks.clear()
    for line in before:
        exec(line, {"explorer": made})
        made.wait()
    place.children = (made.widget,)
    return made
"""


@dataclass(frozen=True)
class Use:
    """A control, how a person uses it, and what is then so in the kernel.

    ``before`` are lines that prepare the explorer.
    """

    name: str
    act: Callable[[Workbench], None]
    effect: str
    before: tuple[str, ...] = ()


def _panel(bench: Workbench) -> Locator:
    return bench.page.locator(".sensitivity-explorer:visible").last


def _field(bench: Workbench, label: str, kind: str) -> Locator:
    row = _panel(bench).locator(
        ".widget-inline-hbox, .widget-hbox", has=bench.page.get_by_text(label, exact=True)
    )
    return row.locator(kind).last


def select(label: str, option: str) -> Callable[[Workbench], None]:
    def act(bench: Workbench) -> None:
        _field(bench, label, "select").select_option(label=option)

    return act


def write(label: str, text: str) -> Callable[[Workbench], None]:
    def act(bench: Workbench) -> None:
        field = _field(bench, label, "input")
        field.fill(text)
        field.press("Enter")

    return act


def press(tooltip: str) -> Callable[[Workbench], None]:
    def act(bench: Workbench) -> None:
        _panel(bench).locator(f'button[title^="{tooltip}"]').click()

    return act


def slide(bench: Workbench) -> None:
    bench.slider.focus()
    bench.page.keyboard.press("ArrowRight")


def play(bench: Workbench) -> None:
    _panel(bench).locator(".widget-play button:visible").first.click()


def upload(bench: Workbench) -> None:
    path = Path(bench.laboratory.runtime) / "water.xyz"
    path.write_text("3\n\nO 0 0 0\nH 0 0 .96\nH .93 0 -.24\n3\n\nO 0 0 0\nH 0 0 1\nH 1 0 0\n")
    with bench.page.expect_file_chooser() as chooser:
        _panel(bench).locator("button.widget-upload, .widget-upload").click()
    chooser.value.set_files(path)


def click_chart(axes: int, x: float) -> Callable[[Workbench], None]:
    def act(bench: Workbench) -> None:
        figure = "explorer.chart.figure"
        place = f"{figure}.axes[{axes}].transData.transform(({x}, 1.0)).tolist()"
        across, up = bench.ask(place)
        height = bench.ask(f"{figure}.bbox.height")
        bench.chart.click(position={"x": across, "y": height - up})

    return act


def cancel(bench: Workbench) -> None:
    press("End what is going on")(bench)


SLOW = (
    "import time; explorer._task.start("
    "lambda _: [time.sleep(0.01) for _ in range(1000)], "
    "then=lambda _: None, failed=lambda _: explorer.panel.tell('ended'), patience=0)"
)
LOADED = 'explorer.open("a.xyz", b"2\\n\\nH 0 0 0\\nH 0 0 .7\\n2\\n\\nH 0 0 0\\nH 0 0 .8\\n")'
X0 = "explorer.structure = 'X0'"


def _offers(file: str) -> str:
    return f"'download=\"{file}\"' in explorer.actions.download.value"


USES = [
    Use("mode", select("mode", "3: 0, symmetry"), "explorer.mode == 3"),
    Use("amplitude", slide, "explorer.amplitude == 0.01"),
    Use("play", play, "abs(explorer.amplitude) > 0.1"),
    Use("speed", select("speed", "2x"), "explorer.controls.play.interval == 40"),
    Use("arrows", press("Show the direction"), "not explorer.arrows"),
    Use("arrow length", select("length", "2 Å"), "explorer.arrow_length == 2.0"),
    Use("structure", write("structure", "H2O"), "len(explorer.structure) == 3"),
    Use("upload", upload, "explorer.structure.symbols.get_chemical_formula() == 'H2O'"),
    Use(
        "frame",
        write("frame", "1"),
        "abs(explorer.structure.positions[1, 2] - .8) < 1e-9",
        (LOADED,),
    ),
    Use("centers", write("centers", "H"), "explorer.centers == (1, 2, 3, 4)"),
    Use("order", select("order", "1: distances"), "explorer.descriptor.order == 1"),
    Use("n_max", write("n_max", "3"), "explorer.descriptor.n_max == 3"),
    Use("l_max", write("l_max", "2"), "explorer.descriptor.l_max == 2"),
    Use("cutoff", write("cutoff (Å)", "2.5"), "explorer.descriptor.cutoff == 2.5"),
    Use("smearing", write("smearing (Å)", "0.5"), "explorer.descriptor.smearing == 0.5"),
    Use("reset", press("Back to the least"), "explorer.mode == 8", ("explorer.mode = 2",)),
    Use("cancel", cancel, "not explorer._task.busy", ()),
    Use("x", press("Look along x"), "explorer.molecule.camera.view[2].tolist() == [1, 0, 0]"),
    Use("y", press("Look along y"), "explorer.molecule.camera.view[2].tolist() == [0, 1, 0]"),
    Use("z", press("Look along z"), "explorer.molecule.camera.view[2].tolist() == [0, 0, 1]"),
    Use(
        "locate",
        press("Move the atoms to the nearest"),
        "explorer.reference.name == ''",
        ("explorer.amplitude = .1",),
    ),
    Use("follow", press("Go on along"), "len(explorer.below.children) == 1", (X0,)),
    Use("find_twin", press("Show two structures"), "len(explorer.below.children) == 1", (X0,)),
    Use("enlarge_basis", press("Two more radial"), "explorer.descriptor.n_max == 8"),
    Use("raise_order", press("Correlate one more"), "explorer.descriptor.order == 3"),
    Use(
        "undo",
        press("Back to the structure"),
        "explorer.descriptor.order == 2",
        ("explorer.raise_order()",),
    ),
    Use("geometry", press("The atoms as they"), _offers("geometry.extxyz")),
    Use("trajectory", press("One swing"), _offers("motion.extxyz")),
    Use("figure", press("The chart, for a talk"), _offers("singular-values.png")),
    Use("drawing", press("The chart, for a paper"), _offers("singular-values.pdf")),
    Use("graphic", press("The chart, to be edited"), _offers("singular-values.svg")),
    Use("film", press("Atoms and singular values"), _offers("motion.gif")),
    Use("chemiscope", press("For chemiscope"), _offers("chemiscope.json.gz")),
    Use("code", press("The lines that give"), _offers("explore.py")),
    Use("chart mode", click_chart(0, 3.0), "explorer.mode == 3"),
    Use("chart amplitude", click_chart(1, 0.3), "abs(explorer.amplitude - .3) < .02"),
]


@pytest.fixture(scope="module")
def renewed(opened: Workbench) -> Workbench:
    opened.tell(f"exec({RENEW!r}, globals())")
    return opened


def prepare(bench: Workbench, use: Use, *, cut: str) -> None:
    """Show a new explorer, in which one control is cut; prepared for a use."""
    make = f"renew(Explorer, place, {cut!r}, {use.before!r})"
    bench.tell(f"globals().update(explorer={make})")
    bench.show_explorer()
    bench.tell("explorer.wait()")
    bench.settle()
    if use.name == "cancel":
        bench.tell(f"exec({SLOW!r}, globals())")


def happens(bench: Workbench, effect: str, *, within: float) -> bool:
    for _ in range(round(within / 0.1)):
        if bench.ask(f"bool({effect})"):
            return True
        bench.page.wait_for_timeout(100)
    return False


def test_every_control_is_used(renewed: Workbench) -> None:
    expression = (
        "sorted([*__import__('sensitivity.explorers.wiring', fromlist=['x']).{}(explorer)])"
    )
    wired = renewed.ask(expression.format("values")) + renewed.ask(expression.format("clicks"))
    used = {use.name for use in USES if not use.name.startswith("chart")}
    assert used == {*wired, "cancel"}


@pytest.mark.parametrize("use", USES, ids=lambda use: use.name)
def test_a_control_does_what_it_says(renewed: Workbench, use: Use) -> None:
    prepare(renewed, use, cut="")
    assert not renewed.ask(f"bool({use.effect})")
    use.act(renewed)
    assert happens(renewed, use.effect, within=LONGEST)
    assert renewed.complaints.console == []


@pytest.mark.mutation
@pytest.mark.parametrize("use", USES, ids=lambda use: use.name)
def test_with_its_connection_cut_it_does_nothing(renewed: Workbench, use: Use) -> None:
    prepare(renewed, use, cut=use.name)
    use.act(renewed)
    assert not happens(renewed, use.effect, within=CUT)
