"""Every control of the explorer, as a person uses it.

Each has to do what it says. In the mutation run, ``pytest -m mutation tests/browser``, the
connection of each control is cut in turn, and then it must not: so no test passes for another
reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hostile_sessions import GOOD
from hostile_states import COMPARED, SURVEYED
from playwright.sync_api import Locator
from workbench import STAGES, Workbench

LONGEST = 30.0
"""Seconds that what a control does may take on a slow machine."""

CUT = 1.5
"""Seconds in which nothing may happen when its connection is cut."""

# Makes another view in the place of the one before; of a control that is cut nobody hears.
RENEW = """
def renew(make, place, before, cut):
    made = eval(make)
    made.wait()
    for line in before:
        exec(line, {"explorer": made})
        made.wait()
    if cut:
        sever(eval(cut, {**globals(), "explorer": made}))
    place.children = (made.widget,)
    return made

def sever(control):
    if hasattr(control, "canvas"):
        control.canvas.callbacks.callbacks.clear()
    if hasattr(control, "_click_handlers"):
        control._click_handlers.callbacks.clear()
    for kinds in getattr(control, "_trait_notifiers", {}).values():
        for handlers in kinds.values():
            handlers[:] = [handler for handler in handlers if not is_ours(handler)]

def is_ours(handler):
    from traitlets import link
    made = getattr(handler, "func", handler)
    linked = isinstance(getattr(handler, "__self__", None), link)
    return linked or made.__module__.startswith("sensitivity")

def wired(explorer):
    from sensitivity.explorers.main import wiring
    entries = wiring.values(explorer) | wiring.clicks(explorer)
    return {name: control for name, (control, _) in entries.items()}

from sensitivity import DensityCorrelations, find_twin, structures
from sensitivity.explorers import BandExplorer, BasisExplorer, CompareExplorer, PathExplorer
from sensitivity.explorers import SurveyExplorer, TwinExplorer
descriptor = DensityCorrelations(order=2, cutoff=3.0, n_max=4, l_max=3)
molecule = structures.load("X0")
twin = find_twin(molecule, descriptor, center=0, amplitude=0.1)
"""

EXPLORER = "Explorer()"
PATH = (
    "PathExplorer.between(molecule, structures.load('generic'), descriptor, centers=[0], count=9)"
)
TWIN = "TwinExplorer(twin, descriptor)"
BASIS = "BasisExplorer(molecule, descriptor, centers=[0])"
BANDS = "BandExplorer('C-diamond', descriptor, path='GX', points=13)"
SURVEY = "SurveyExplorer([structures.load('CH4'), molecule], descriptor)"
COMPARE = "CompareExplorer(molecule, ['2', descriptor], centers=[0])"


@dataclass(frozen=True)
class Use:
    """A control, how a person uses it, and what is then so in the kernel.

    ``control`` finds it in the explorer, ``before`` are lines that prepare the explorer, and
    ``view`` makes it.
    """

    name: str
    act: Callable[[Workbench], None]
    effect: str
    before: tuple[str, ...] = ()
    control: str = ""
    view: str = EXPLORER

    @property
    def place(self) -> str:
        """Expression for the control."""
        return self.control or f"wired(explorer)[{self.name!r}]"


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


def select_number(label: str, index: int) -> Callable[[Workbench], None]:
    def act(bench: Workbench) -> None:
        _field(bench, label, "select").select_option(index=index)

    return act


def choose_second(label: str) -> Callable[[Workbench], None]:
    def act(bench: Workbench) -> None:
        field = _field(bench, label, "select")
        bench.page.wait_for_function("e => e.options.length > 1", arg=field.element_handle())
        field.select_option(index=1)

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


def slide(label: str, key: str) -> Callable[[Workbench], None]:
    def act(bench: Workbench) -> None:
        _field(bench, label, ".noUi-handle").focus()
        bench.page.keyboard.press(key)

    return act


def play(bench: Workbench) -> None:
    _panel(bench).locator(".widget-play button:visible").first.click()


WATER = "3\n\nO 0 0 0\nH 0 0 .96\nH .93 0 -.24\n3\n\nO 0 0 0\nH 0 0 1\nH 1 0 0\n"


def upload(label: str, name: str, content: str) -> Callable[[Workbench], None]:
    def act(bench: Workbench) -> None:
        path = Path(bench.laboratory.runtime) / name
        path.write_text(content)
        with bench.page.expect_file_chooser() as chooser:
            _panel(bench).locator(".widget-upload", has_text=label).click()
        chooser.value.set_files(path)

    return act


def click_chart(axes: str, x: float, y: float = 1.0) -> Callable[[Workbench], None]:
    def act(bench: Workbench) -> None:
        place = f"explorer.{axes}.transData.transform(({x}, {y})).tolist()"
        across, up = bench.ask(place)
        height = bench.ask(f"explorer.{axes}.figure.bbox.height")
        bench.chart.click(position={"x": across, "y": height - up})

    return act


SLOW = (
    "import time; from sensitivity.progress import checkpoint; explorer._task.start("
    "lambda _: [time.sleep(0.01) or checkpoint() for _ in range(1000)], "
    "then=lambda _: None, failed=lambda _: explorer.panel.tell('ended'), patience=0)"
)
LOADED = 'explorer.open("a.xyz", b"2\\n\\nH 0 0 0\\nH 0 0 .7\\n2\\n\\nH 0 0 0\\nH 0 0 .8\\n")'
SALT = "import ase.build; explorer.structure = ase.build.bulk('NaCl', 'rocksalt', a=5.6)"
X0 = "explorer.structure = 'X0'"


def _saves(file: str) -> str:
    return f"'Saved {file}' in explorer.panel.message.value"


USES = [
    Use("mode", select("mode", "3: 0, symmetry"), "explorer.mode == 3"),
    Use("amplitude", slide("amplitude (Å)", "ArrowRight"), "explorer.amplitude == 0.01"),
    Use("play", play, "abs(explorer.amplitude) > 0.1"),
    Use("speed", select("speed", "2x"), "explorer.controls.play.interval == 40"),
    Use("arrows", press("Show the direction"), "not explorer.arrows"),
    Use("arrow length", select("arrow length", "2 Å"), "explorer.arrow_length == 2.0"),
    Use("labels", select("labels", "index"), "explorer.labels == 'index'"),
    Use("atom size", select("atom size", "2x"), "explorer.atom_size == 2.0"),
    Use(
        "feature",
        choose_second("feature"),
        "explorer.feature is not None and 'fastest' in explorer.panel.sentence.value",
        ("explorer.mode = 0",),
    ),
    Use("cells", select("cells", "2"), "explorer.cells == 2", (SALT,)),
    Use("columns", select("figure", "one column"), "explorer.columns == 1"),
    Use("transparent", press("Figures without"), "explorer.transparent"),
    Use("symmetry", press("Ideal methane"), "explorer.reference.name == 'CH4'", (X0,)),
    Use("incompleteness", press("A CH4 with one"), "explorer.reference.name == 'X0'"),
    Use("twin", press("Two different CH4"), "len(explorer.below.children) == 2"),
    Use("structure", write("structure", "H2O"), "len(explorer.structure) == 3"),
    Use("structure", write("structure", "nonsense"), "'nonsense' in explorer.panel.message.value"),
    Use(
        "upload",
        upload("Upload file", "water.xyz", WATER),
        "explorer.structure.symbols.get_chemical_formula() == 'H2O'",
    ),
    Use(
        "open session",
        upload("Open session", "a.session.json", json.dumps(GOOD)),
        "explorer.structure.symbols.get_chemical_formula() == 'H2O' and explorer.amplitude == 0.1",
    ),
    Use(
        "frame",
        write("frame", "1"),
        "abs(explorer.structure.positions[1, 2] - .8) < 1e-9",
        (LOADED,),
    ),
    Use("centers", write("centers", "H"), "explorer.centers == (1, 2, 3, 4)"),
    Use("descriptor", select("descriptor", "1: distances"), "explorer.descriptor.order == 1"),
    Use("n_max", write("n_max", "3"), "explorer.descriptor.n_max == 3"),
    Use("l_max", write("l_max", "2"), "explorer.descriptor.l_max == 2"),
    Use("cutoff", write("cutoff (Å)", "2.5"), "explorer.descriptor.cutoff == 2.5"),
    Use("smearing", write("smearing (Å)", "0.5"), "explorer.descriptor.smearing == 0.5"),
    Use("reset", press("Return to the least"), "explorer.mode == 8", ("explorer.mode = 2",)),
    Use("x", press("Look along x"), "explorer.molecule.camera.view[2].tolist() == [1, 0, 0]"),
    Use("y", press("Look along y"), "explorer.molecule.camera.view[2].tolist() == [0, 1, 0]"),
    Use("z", press("Look along z"), "explorer.molecule.camera.view[2].tolist() == [0, 0, 1]"),
    Use(
        "locate",
        press("Move the atoms to the nearest"),
        "explorer.reference.name == ''",
        ("explorer.amplitude = .1",),
    ),
    Use("follow", press("Move the atoms along"), "len(explorer.below.children) == 2", (X0,)),
    Use("find_twin", press("Show two structures"), "len(explorer.below.children) == 2", (X0,)),
    Use("enlarge_basis", press("Enlarge the basis"), "explorer.descriptor.n_max == 8"),
    Use("raise_order", press("Correlate one more"), "explorer.descriptor.order == 3"),
    Use(
        "undo",
        press("Return to the previous"),
        "explorer.descriptor.order == 2",
        ("explorer.raise_order()",),
    ),
    Use("geometry", press("The atoms at the current"), _saves("geometry.extxyz")),
    Use("trajectory", press("One oscillation"), _saves("motion.extxyz")),
    Use("png", press("Molecule and chart, for slides"), _saves("figure.png")),
    Use("pdf", press("Molecule and chart, for a paper"), _saves("figure.pdf")),
    Use("svg", press("Molecule and chart, for editing"), _saves("figure.svg")),
    Use("gif", press("Atoms and chart in motion"), _saves("motion.gif")),
    Use("chemiscope", press("For chemiscope"), _saves("chemiscope.json.gz")),
    Use("page", press("One file with all modes"), _saves("diagnosis.html")),
    Use("session", press("All choices with"), _saves("explorer.session.json")),
    Use("code", press("A script that prints"), _saves("explore.py")),
    # Only the app shows this button.
    Use(
        "link",
        press("Copy a link"),
        "'Copied the link' in explorer.panel.message.value",
        ("explorer.keep_session()",),
    ),
    Use(
        "chart mode",
        click_chart("chart.figure.axes[0]", 3.0),
        "explorer.mode == 3",
        control="explorer.chart.figure",
    ),
    Use(
        "chart amplitude",
        click_chart("chart.figure.axes[1]", 0.3),
        "abs(explorer.amplitude - .3) < .02",
        control="explorer.chart.figure",
    ),
]


def _use(view: str, control: str, act: Callable[[Workbench], None], *effect: str) -> Use:
    """A control of one of the smaller views; what is so afterwards, and what prepares it."""
    name = f"{view.partition('Explorer')[0]} {control}"
    return Use(name, act, effect[0], effect[1:], f"explorer.{control}", view)


SHARE = "downloads.children[-1]"
SAVE = "downloads.children[-3]"  # of a survey: Save session, Share, Python

USES += [
    _use(PATH, "slider", slide("path length (Å)", "ArrowRight"), "explorer.frame == 1"),
    _use(PATH, "film", play, "explorer.frame > 1"),
    _use(PATH, "controls.arrows", press("Show the direction"), "not explorer.arrows"),
    _use(
        PATH,
        "controls.reset",
        press("Return to the start of the path"),
        "explorer.frame == 0",
        "explorer.frame = 5",
    ),
    _use(
        PATH,
        "chart.figure",
        click_chart("chart.figure.axes[0]", 0.0),
        "explorer.frame == 0",
        "explorer.frame = 8",
    ),
    _use(TWIN, "slider", slide("Morph: first → second", "ArrowLeft"), "explorer.share < 1"),
    _use(TWIN, "film", play, "explorer.share < .9"),
    _use(TWIN, "beside", press("Put the two beside"), "explorer.side_by_side"),
    _use(TWIN, "exaggerate", select("exaggerate", "5x"), "explorer.exaggeration == 5"),
    _use(TWIN, "controls.arrows", press("Show the direction"), "explorer.arrows"),
    _use(
        TWIN,
        "controls.reset",
        press("Superpose the two"),
        "explorer.share == 1",
        "explorer.share = .5",
    ),
    _use(
        BANDS,
        "sliders['wave_vector']",
        slide("wave vector", "ArrowLeft"),
        "explorer.wave_vector == 2",
        "explorer.wave_vector = 3",
    ),
    _use(
        BANDS,
        "sliders['band']",
        slide("band", "ArrowRight"),
        "explorer.band == 1",
        "explorer.band = 0",
    ),
    _use(BANDS, "slider", slide("amplitude (Å)", "ArrowRight"), "explorer.amplitude > 0"),
    _use(BANDS, "film", play, "explorer.amplitude > .1"),
    _use(BANDS, "controls.arrows", press("Show the direction"), "not explorer.arrows"),
    _use(
        BANDS,
        "controls.reset",
        press("Return to the perfect"),
        "explorer.amplitude == 0",
        "explorer.amplitude = .3",
    ),
    _use(
        BANDS,
        "chart.figure",
        click_chart("chart.figure.axes[0]", 0.0, 0.0),
        "explorer.wave_vector == 0",
        "explorer.wave_vector = 8",
    ),
    _use(SURVEY, "against_menu", select("against", "frame"), "explorer.against == 'frame'"),
    _use(
        SURVEY,
        "worst_menu",
        choose_second("worst"),
        "explorer.row == explorer.worst_menu.options[1][1]",
    ),
    _use(SURVEY, "mode_menu", choose_second("mode"), "explorer.mode == 1"),
    _use(
        SURVEY, "frame_field", write("frame", "0"), "explorer.frame == 0", "explorer.select(1, 0)"
    ),
    _use(
        SURVEY,
        "center_field",
        write("center", "3"),
        "explorer.center == 3",
        "explorer.select(1, 0)",
    ),
    _use(
        SURVEY,
        "upload",
        upload("Upload file", "water.xyz", WATER),
        "explorer.survey.totals.environments == 6",
    ),
    _use(SURVEY, "opener", press("Show this environment"), "len(explorer.below.children) == 2"),
    _use(SURVEY, "slider", slide("amplitude (Å)", "ArrowRight"), "explorer.amplitude > 0"),
    _use(SURVEY, "film", play, "explorer.amplitude > .1"),
    _use(SURVEY, "controls.arrows", press("Show the direction"), "not explorer.arrows"),
    _use(
        SURVEY,
        "controls.reset",
        press("Return to the mode shown first"),
        "explorer.amplitude == 0",
        "explorer.amplitude = .3",
    ),
    _use(
        SURVEY,
        "chart.figure",
        click_chart("chart.figure.axes[0]", 0.0, 0.1),
        "explorer.frame == 0",
        "explorer.against = 'frame'",
        "explorer.select(1, 0)",
    ),
    _use(
        COMPARE,
        "inputs['structure']",
        write("structure", "H2O"),
        "len(explorer.structure) == 3",
    ),
    _use(
        COMPARE,
        "inputs['structure']",
        write("structure", "nonsense"),
        "'nonsense' in explorer.panel.message.value",
    ),
    _use(COMPARE, "inputs['centers']", write("centers", "H"), "explorer.centers == (1, 2, 3, 4)"),
    _use(COMPARE, "inputs['metric']", select("metric", "raw"), "explorer.metric == 'raw'"),
    _use(
        COMPARE,
        "inputs['first']",
        select("first", "1: distances"),
        "explorer.descriptors[0].order == 1",
    ),
    _use(
        COMPARE,
        "inputs['second']",
        select("second", "3: bispectrum"),
        "explorer.descriptors[1].order == 3",
    ),
    _use(
        COMPARE,
        "inputs['third']",
        select("third", "1: distances"),
        "len(explorer.descriptors) == 3",
    ),
    _use(
        COMPARE,
        "inputs['third']",
        select("third", "2: power spectrum"),
        "'order 2 is chosen twice' in explorer.panel.message.value",
    ),
    _use(
        COMPARE,
        "lists['of']",
        select("modes of", "DensityCorrelations"),
        "explorer.of == 'DensityCorrelations'",
        "explorer.select('order 2', 8)",
    ),
    _use(
        COMPARE,
        "lists['mode']",
        select_number("mode", 3),
        "explorer.mode == 3",
    ),
    _use(COMPARE, "slider", slide("amplitude (Å)", "ArrowRight"), "explorer.amplitude > 0"),
    _use(COMPARE, "film", play, "explorer.amplitude > .1"),
    _use(COMPARE, "controls.arrows", press("Show the direction"), "not explorer.arrows"),
    _use(
        COMPARE,
        "controls.reset",
        press("Return to the undisplaced"),
        "explorer.amplitude == 0",
        "explorer.amplitude = .3",
    ),
    _use(
        COMPARE,
        "chart.figure",
        click_chart("chart.axes[1]", 4.0, 0.1),
        "(explorer.of, explorer.mode) == ('DensityCorrelations', 4)",
    ),
    *(
        _use(COMPARE, f"more[{name!r}]", press(tooltip), _saves(f"comparison.{suffix}"))
        for name, tooltip, suffix in (
            ("page", "One file for a browser", "html"),
            ("code", "A script that prints", "py"),
            ("session", "All choices, to continue", "session.json"),
        )
    ),
    _use(
        COMPARE,
        "session",
        upload("Open session", "a.compare.json", json.dumps(COMPARED)),
        "(explorer.of, explorer.mode, explorer.amplitude) == ('b', 1, 0.1)",
    ),
    _use(
        SURVEY,
        "session",
        upload("Open session", "a.survey.json", json.dumps(SURVEYED)),
        "(explorer.frame, explorer.mode, explorer.amplitude) == (1, 2, 0.1)",
        "explorer.select(0)",
    ),
    _use(SURVEY, SAVE, press("All choices, to continue"), _saves("survey.session.json")),
    *(
        use
        for view in (PATH, TWIN, BANDS, COMPARE, SURVEY)
        for use in (
            _use(view, "controls.speed", select("speed", "2x"), "explorer.film.interval == 40"),
            _use(
                view,
                "controls.arrow_length",
                select("arrow length", "2 Å"),
                "explorer.arrow_length > 1",
            ),
            _use(view, "controls.labels", select("labels", "index"), "explorer.labels == 'index'"),
            _use(view, "controls.atom_size", select("atom size", "2x"), "explorer.atom_size == 2"),
            *(
                _use(
                    view,
                    f"controls.look[{axis!r}]",
                    press(f"Look along {axis}"),
                    f"explorer.molecule.camera.view[2].tolist() == {[axis == x for x in 'xyz']}",
                )
                for axis in "xyz"
            ),
        )
    ),
    _use(BASIS, "sliders['n_max']", slide("n_max", "ArrowRight"), "explorer.n_max > 4"),
    _use(BASIS, "sliders['l_max']", slide("l_max", "ArrowLeft"), "explorer.l_max < 3"),
    _use(
        BASIS, "sliders['smearing']", slide("smearing (Å)", "ArrowRight"), "explorer.smearing > .3"
    ),
    _use(BASIS, "sliders['cutoff']", slide("cutoff (Å)", "ArrowLeft"), "explorer.cutoff < 3"),
    _use(
        BASIS,
        "map.figure",
        click_chart("map.figure.axes[0]", 1.0, 1.0),
        "(explorer.n_max, explorer.l_max) != (4, 3)",
    ),
    *(
        _use(view, SHARE, press("One file for a browser"), _saves(file))
        for view, file in ((TWIN, "twin.html"), (BANDS, "bands.html"))
    ),
    *(
        _use(view, "panel.cancel", press("Stop and keep"), "not explorer._task.busy")
        for view in (EXPLORER, PATH, TWIN, BASIS, BANDS, COMPARE, SURVEY)
    ),
]


@pytest.fixture(scope="module")
def renewed(opened: Workbench) -> Workbench:
    opened.tell(f"exec({RENEW!r}, globals())")
    return opened


def prepare(bench: Workbench, use: Use, *, cut: bool) -> None:
    """Show a new view, prepared for a use; on request with its control cut."""
    place = use.place if cut else ""
    bench.tell(f"globals().update(explorer=renew({use.view!r}, place, {use.before!r}, {place!r}))")
    bench.show_explorer(molecule=use.view != BASIS)
    bench.tell("explorer.wait()")
    if use.view == EXPLORER:
        bench.settle()
    else:
        bench.exchange()
    if use.control == "explorer.panel.cancel":
        bench.tell(f"exec({SLOW!r}, globals())")


def happens(bench: Workbench, effect: str, *, within: float) -> bool:
    for _ in range(round(within / 0.1)):
        if bench.ask(f"bool({effect})"):
            return True
        bench.page.wait_for_timeout(100)
    return False


# Where an atom is on the canvas: from the left, from below, and the height of the canvas.
ON_CANVAS = f"""index => {{
  const stage = {STAGES}.at(-1), atom = stage.compList[0].structure.getAtomProxy(index);
  const {{x, y}} = stage.viewerControls.getPositionOnCanvas(atom.positionToVector3());
  return [x, y, stage.viewer.height];
}}"""

NAMELESS = """() => [...document.querySelectorAll('.sensitivity-explorer')].at(-1)
  .querySelectorAll('input, select, button, .noUi-handle').values()
  .filter(e => e.offsetParent && e.type !== 'file' && !e.closest('.nglview-container'))
  .filter(e => !e.title && !e.closest('[title]')).map(e => e.outerHTML).toArray()"""

# The controls that a view has, each with a name of its own in the view.
CONTROLS = """[name for name, value in {**vars(explorer), **{
    f"{table}[{key!r}]": control for table in ("sliders", "inputs", "lists", "more")
    for key, control in vars(explorer).get(table, {}).items()
}, **{
    f"controls.{key}": value for key, value in vars(getattr(explorer, "controls", 0) or (
        __import__('types').SimpleNamespace())).items() if key not in ("fold", "full_screen")
}, **{
    f"controls.look[{key!r}]": value for key, value in getattr(
        getattr(explorer, "controls", None), "look", {}).items()
}}.items()
    if isinstance(value, __import__('ipywidgets').DOMWidget) and hasattr(value, 'description')
    and not isinstance(value, (__import__('ipywidgets').HTML))]"""


@pytest.mark.parametrize("view", [PATH, TWIN, BASIS, BANDS, COMPARE, SURVEY])
def test_every_control_of_a_view_is_used(renewed: Workbench, view: str) -> None:
    prepare(renewed, Use("", play, "", view=view), cut=False)
    used = {use.control.removeprefix("explorer.") for use in USES if use.view == view}
    other = {"chart.figure", "map.figure", "panel.cancel", SHARE, SAVE}
    assert used - other == set(renewed.ask(CONTROLS))


def test_a_view_below_can_be_closed_and_its_files_are_saved(renewed: Workbench) -> None:
    prepare(renewed, Use("", play, "", (X0, "explorer.follow()")), cut=False)
    assert renewed.ask("len(explorer.below.children)") == 2
    place = renewed.page.locator(".sensitivity-result")
    for label, name in (("trajectory", "path.extxyz"), ("PDF", "path.pdf")):
        with renewed.page.expect_download() as event:
            place.locator("button", has_text=label).click()
        assert event.value.suggested_filename == name
    place.locator('button[title="Close this view"]').click()
    assert happens(renewed, "explorer.below.children == ()", within=LONGEST)


def test_a_click_on_an_atom_makes_it_the_center(renewed: Workbench) -> None:
    prepare(renewed, Use("", play, ""), cut=False)
    x, up, height = renewed.page.evaluate(ON_CANVAS, 2)
    renewed.molecule.hover(position={"x": x, "y": height - up})
    renewed.page.get_by_text("H 2", exact=True).wait_for()
    renewed.molecule.click(position={"x": x, "y": height - up})
    assert happens(renewed, "explorer.centers == (2,)", within=LONGEST)


def test_the_explorer_fills_the_screen_and_leaves_it(renewed: Workbench) -> None:
    prepare(renewed, Use("", play, ""), cut=False)
    full = "() => document.fullscreenElement?.matches('.sensitivity-explorer') ?? false"
    for expected in (True, False):
        press("Enter or leave full")(renewed)
        renewed.wait(lambda expected=expected: renewed.page.evaluate(full) is expected)


def test_inputs_and_buttons_have_tooltips(renewed: Workbench) -> None:
    prepare(renewed, Use("", play, ""), cut=False)
    renewed.wait(lambda: renewed.page.evaluate(NAMELESS) == [])


def test_every_control_is_used(renewed: Workbench) -> None:
    prepare(renewed, Use("", play, ""), cut=False)
    used = {use.name for use in USES if use.view == EXPLORER and not use.control}
    assert used == set(renewed.ask("sorted(wired(explorer))"))


@pytest.mark.parametrize("use", USES, ids=lambda use: use.name)
def test_a_control_does_what_it_says(renewed: Workbench, use: Use) -> None:
    prepare(renewed, use, cut=False)
    assert not renewed.ask(f"bool({use.effect})")
    use.act(renewed)
    assert happens(renewed, use.effect, within=LONGEST)
    assert renewed.complaints.console == []


@pytest.mark.mutation
@pytest.mark.parametrize("use", USES, ids=lambda use: use.name)
def test_with_its_connection_cut_it_does_nothing(renewed: Workbench, use: Use) -> None:
    prepare(renewed, use, cut=True)
    use.act(renewed)
    assert not happens(renewed, use.effect, within=CUT)
