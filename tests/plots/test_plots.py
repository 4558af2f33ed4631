"""Figures: what they show is what the result holds, nothing is clipped, nothing is changed."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from selection import mostly_slow

from sensitivity import (
    DensityCorrelations,
    bands,
    compare,
    feature_changes,
    plots,
    pull_back,
    smallest,
    spectrum,
    structures,
)
from sensitivity.convergence import convergence
from sensitivity.diagnosis import diagnose
from sensitivity.plots.axes import scale_axis
from sensitivity.plots.bands_plot import set_apart
from sensitivity.plots.camera import choose_view
from sensitivity.plots.palette import ARROW
from sensitivity.plots.structures import cell_edges

DESCRIPTOR = DensityCorrelations(order=2, cutoff=3.0, n_max=4, l_max=6)
STYLES = ["default", "dark_background"]


@pytest.fixture(autouse=True)
def _agg():
    mpl.use("Agg")
    yield
    plt.close("all")


def analyze(name, **options):
    return spectrum(structures.load(name), DESCRIPTOR, **options)


@pytest.fixture(scope="module")
def singular():
    return analyze("X0", centers=[0])


@pytest.fixture(scope="module")
def path():
    angles = np.linspace(0.9, 1.1, 11) * np.pi
    frames = [structures.ch4_pair(u, 0.0, sign=1) for u in angles]
    return angles - np.pi, [spectrum(frame, DESCRIPTOR, centers=[0]) for frame in frames]


@pytest.fixture(scope="module")
def diagnosis():
    return diagnose(structures.load("X0"), DESCRIPTOR, centers=[0])


@pytest.fixture(scope="module")
def grid():
    """Ranks that are full and that are not, zeros, and points that cannot be computed."""
    atoms = structures.load("generic")
    return convergence(atoms, DESCRIPTOR, centers=[0], n_max=[1, 2, 4, 16], l_max=[1, 2, 4])


@pytest.fixture(scope="module")
def row():
    atoms = structures.load("generic")
    return convergence(atoms, DESCRIPTOR, centers=[0], n_max=[1, 2, 4, 6, 16])


@pytest.fixture(scope="module")
def responses(diagnosis):
    """Amplitudes, and the changes along the most visible mode of X0 and along its blind one."""
    amplitudes = np.geomspace(1e-3, 0.1, 5)
    modes = np.array([diagnosis.modes[mode].displacement for mode in (0, 8)])
    return amplitudes, feature_changes(
        diagnosis.atoms, DESCRIPTOR, modes, centers=[0], amplitudes=amplitudes
    )


def markers(ax):
    """Per kind, mode numbers and heights."""
    return {line.get_label(): line.get_data() for line in ax.lines if line.get_marker() != "None"}


def zero_height(ax):
    """Height of the tick that is labelled 0."""
    labels = [label.get_text() for label in ax.yaxis.get_majorticklabels()]
    return ax.get_yticks()[labels.index("0")]


# Spectrum


def test_every_singular_value_is_drawn_once_at_its_height(singular):
    ax = plots.plot_spectrum(singular)
    drawn = markers(ax)
    assert list(drawn) == ["internal", "rotation", "translation"]
    modes = np.concatenate([x for x, _ in drawn.values()])
    assert sorted(modes) == list(range(15))
    _, y = drawn["internal"]
    assert np.array_equal(y[:8], singular.singular_values[:8])
    assert singular.singular_values[8] < 1e-13
    assert y[8] == zero_height(ax)
    assert np.all(drawn["rotation"][1] == zero_height(ax))
    assert y[:8].min() > zero_height(ax)


def test_small_values_that_are_not_rounding_keep_their_height():
    # Coordinates of benzene are rounded to 1e-6 Å: some zeros are 1e-7 instead.
    benzene = analyze("C6H6")
    values = benzene.singular_values[: benzene.internal]
    small = (values > 1e-12) & (values < 1e-5 * values[0])
    assert small.any()
    ax = plots.plot_spectrum(benzene)
    assert np.array_equal(markers(ax)["internal"][1][small], values[small])
    lines = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in lines] == [benzene.zero_level]


def test_kinds_differ_in_colour_and_marker(singular):
    ax = plots.plot_spectrum(singular)
    for line in ax.lines:
        if (kind := line.get_label()) in plots.COLORS:
            assert line.get_markerfacecolor() == plots.COLORS[kind]
            assert line.get_marker() == plots.MARKERS[kind]
    assert plots.COLORS.keys() == plots.MARKERS.keys()
    causes = [kind for kind in plots.COLORS if kind != "sensitive"]  # which is internal
    assert {"internal", "unseen", "rotation", "translation"} <= set(causes)
    assert len({plots.COLORS[kind] for kind in causes}) == len(causes) == 9
    assert len({plots.MARKERS[kind] for kind in causes}) == 9


# Linear RGB as seen without one kind of cones: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes,
# IEEE Trans. Vis. Comput. Graph. 15, 1291 (2009).
BLINDNESS = {
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("kind", BLINDNESS)
def test_colours_differ_for_the_colour_blind(kind):
    seen = [
        np.clip(np.array(BLINDNESS[kind]) @ np.array(to_rgb(color)) ** 2.2, 0, 1) ** (1 / 2.2)
        for color in set(plots.COLORS.values())
    ]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 0.1


def test_an_isolated_atom_has_a_figure():
    for name in ("H", "Al-fcc"):
        ax = plots.plot_spectrum(analyze(name))
        heights = np.concatenate([y for _, y in markers(ax).values()])
        assert np.all(heights == zero_height(ax))
        ax.figure.canvas.draw()


def test_rounding_is_not_mistaken_for_sensitivity():
    # By symmetry no displacement of graphene changes a feature to first order.
    ax = plots.plot_spectrum(analyze("graphene"))
    heights = np.concatenate([y for _, y in markers(ax).values()])
    assert np.all(heights == zero_height(ax))


def test_spectrum_without_zeros_has_no_band(singular):
    everything = plots.plot_spectrum(singular)
    assert "0" in [label.get_text() for label in everything.yaxis.get_majorticklabels()]
    generic = analyze("generic", centers=[0])
    internal = plots.plot_path([generic, generic], coordinate=[0, 1])
    assert "0" not in [label.get_text() for label in internal.yaxis.get_majorticklabels()]


@pytest.mark.parametrize("notes", [True, False])
def test_zeros_are_explained_beside_the_axis_or_in_the_legend(notes):
    ax = Figure().subplots()
    values = np.array([0.0, 1e-6, 1e-3, np.nan, 1.0])
    axis = scale_axis(ax, values, zero=1e-9, threshold=1e-5, ticks=3, notes=notes)
    heights = axis.heights(values)
    assert heights[0] == axis.floor < axis.edge < 1e-6
    assert np.array_equal(heights[1:], values[1:], equal_nan=True)
    (band,), (line,) = ax.patches, ax.lines
    said = [text.get_text() for text in ax.texts]
    labels = [artist.get_label() for artist in (band, line)]
    assert (said if notes else labels) == ["0: at most 1e-09", "zero for the rank"]
    assert len(said) == 2 * notes
    ticks = [label.get_text() for label in ax.yaxis.get_majorticklabels()]
    assert ticks == ["0", "$10^{-6}$", "$10^{-4}$", "$10^{-2}$", "$10^{0}$"]


def test_the_note_on_the_threshold_is_above_all_markers_of_rounded_coordinates():
    ax = plots.plot_spectrum(analyze("NH3", centers=[0]))
    ax.figure.draw_without_rendering()
    (note,) = [text for text in ax.texts if text.get_text() == "zero for the rank"]
    box = note.get_window_extent().padded(3)  # pixels: half a marker
    places = np.concatenate([np.column_stack(line) for line in markers(ax).values()])
    assert not any(box.contains(*place) for place in ax.transData.transform(places))


# Diagnosis


def test_every_mode_of_a_diagnosis_is_drawn_in_the_marks_of_its_cause(diagnosis):
    ax = plots.plot_diagnosis(diagnosis)
    drawn = markers(ax)
    assert list(drawn) == ["sensitive (8)", "incompleteness (1)", "rotation (3)", "translation (3)"]
    assert sorted(np.concatenate([x for x, _ in drawn.values()])) == list(range(15))
    for label, (modes, heights) in drawn.items():
        (line,) = (line for line in ax.lines if line.get_label() == label)
        cause = label.split()[0]
        assert {diagnosis.modes[int(mode)].cause for mode in modes} == {cause}
        assert line.get_marker() == plots.MARKERS[cause]
        trivial = cause in ("rotation", "translation")
        assert line.get_markerfacecolor() == ("#D0D0D0" if trivial else plots.COLORS[cause])
        if cause == "sensitive":
            values = [diagnosis.modes[int(mode)].singular_value for mode in modes]
            assert np.array_equal(heights, values)
            assert min(heights) > zero_height(ax)
        else:
            assert np.all(heights == zero_height(ax))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(drawn)


def test_all_causes_together_have_a_legend_that_fits():
    # Order 1 of a structure with an atom beyond the cutoff.
    atoms = structures.load("generic") + Atoms("H", [[20, 0, 0]])
    descriptor = DensityCorrelations(order=1, cutoff=3.5)
    found = diagnose(atoms, descriptor, centers=[0])
    assert sum(number > 0 for number in found.counts.values()) == 6
    figure = plots.plot_diagnosis(found).figure
    figure.canvas.draw()
    box = figure.get_tightbbox()
    assert box.x0 > -0.01
    assert box.x1 < figure.get_figwidth() + 0.01


def test_mode_of_a_diagnosis_has_its_cause_in_the_title(diagnosis):
    ax = plots.plot_mode(diagnosis, 8)
    assert ax.get_title() == "mode 8, incompleteness: 0 /Å"
    displacement = diagnosis.modes[8].displacement
    view = choose_view(diagnosis.atoms, displacement)[:2]
    places = (diagnosis.atoms.positions @ view.T).tolist()
    longest = np.linalg.norm(displacement, axis=1).max()
    for start, vector in arrows(ax):
        atom = np.argmin(np.linalg.norm(places - start, axis=1))
        assert np.allclose(vector, displacement[atom] @ view.T / longest, rtol=0, atol=1e-12)
    value = diagnosis.modes[0].singular_value
    assert plots.plot_mode(diagnosis, 0).get_title() == f"mode 0, sensitive: {value:.3g} /Å"


@pytest.mark.parametrize(
    ("name", "options", "title"),
    [
        ("X0", {"centers": [0]}, "mode 8, incompleteness"),
        ("Td", {"centers": [0]}, "mode 8, symmetry"),
        ("H2O", {}, "mode 2, sensitive"),
        ("H", {}, "mode 0, translation"),
        # Not the last one, which symmetry hides, but the last that nothing excuses.
        ("C3v", {"centers": [0], "order": 1}, "incompleteness|truncation"),
    ],
)
def test_overview_shows_the_least_excusable_mode(tmp_path, name, options, title):
    descriptor = replace(DESCRIPTOR, order=options.pop("order", 2))
    found = diagnose(structures.load(name), descriptor, **options)
    with mpl.rc_context({"svg.fonttype": "none"}):
        plots.save_overview(found, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert re.search(rf">mode \d+, ({title.split(', ')[-1]}): ", text)
    if title.startswith("mode"):
        assert f">{title}: " in text
    assert plt.get_fignums() == []


# Convergence


def test_cells_show_value_and_rank(grid):
    figure = Figure(figsize=(7, 5), layout="constrained")
    ax = plots.plot_convergence(grid, ax=figure.subplots())
    (image,) = ax.images
    shown = np.ma.getdata(image.get_array()).T
    seen = grid.smallest > 1e-5
    assert seen.any()
    assert np.array_equal(shown[seen], grid.smallest[seen])
    assert np.isnan(shown[3]).all()
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    assert texts.keys() == {(x, y) for x in range(3) for y in range(3)}
    for place, text in texts.items():
        value, rank = text.split()
        assert int(rank) == grid.rank[place]
        assert float(value) == pytest.approx(grid.smallest[place], rel=0.5, abs=1e-5)
    assert len([patch for patch in ax.patches if patch.get_hatch()]) == 3
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "4", "16"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "2", "4"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("n_max", "l_max")
    assert figure.axes[1].get_ylabel() == r"$s_\mathrm{min} / s_\mathrm{max}$"


def test_a_line_encloses_full_rank(grid):
    ax = plots.plot_convergence(grid)
    (frame,) = ax.collections
    found = {frozenset(map(tuple, edge)) for edge in frame.get_segments()}
    cells = set(map(tuple, np.argwhere(grid.full)))
    assert 0 < len(cells) < 9
    expected = set()
    for x, y in cells:
        sides = {(1, 0): ((0.5, -0.5), (0.5, 0.5)), (-1, 0): ((-0.5, -0.5), (-0.5, 0.5))}
        sides |= {(0, 1): ((-0.5, 0.5), (0.5, 0.5)), (0, -1): ((-0.5, -0.5), (0.5, -0.5))}
        for (right, up), ends in sides.items():
            if (x + right, y + up) not in cells:
                expected.add(frozenset((x + dx, y + dy) for dx, dy in ends))
    assert found == expected


@pytest.mark.parametrize("style", STYLES)
def test_cells_can_be_read(grid, style):
    with plt.style.context(style):
        ax = plots.plot_convergence(grid, ax=Figure(figsize=(7, 5)).subplots())
        (image,) = ax.images
        for text in ax.texts:
            x, y = text.get_position()
            cell = image.to_rgba(image.get_array()[y, x])[:3]
            assert contrast(text.get_color(), cell) > 4.5


@pytest.mark.slow
def test_many_cells_hold_no_text_in_a_small_figure():
    atoms = structures.load("generic")
    many = convergence(atoms, DESCRIPTOR, centers=[0], n_max=range(1, 10), l_max=range(13))
    ax = plots.plot_convergence(many)
    assert len(ax.texts) == 0
    assert len(ax.get_xticks()) == 5
    assert len(ax.get_yticks()) == 7


def test_line_of_one_parameter(row):
    ax = plots.plot_convergence(row)
    drawn = markers(ax)
    assert list(drawn) == ["full rank", "lower rank", "not computed"]
    full = np.flatnonzero(row.full)
    assert np.array_equal(drawn["full rank"][0], np.array(row.parameters["n_max"])[full])
    assert np.array_equal(drawn["full rank"][1], row.smallest[full])
    assert drawn["not computed"][0] == [16]
    ranks = [text.get_text() for text in ax.texts if text.get_text().isdigit()]
    assert ranks == [f"{rank:.0f}" for rank in row.rank[:4]]
    assert ax.get_xlabel() == "n_max"


def test_line_of_a_length_has_its_unit_and_runs_upwards():
    atoms = structures.load("H2O")
    ax = plots.plot_convergence(convergence(atoms, DESCRIPTOR, smearing=[0.5, 0.4, 0.2]))
    assert ax.get_xlabel() == "smearing (Å)"
    assert np.all(np.diff(ax.lines[0].get_xdata()) > 0)


def test_parameters_with_one_value_do_not_count(row):
    fixed = convergence(
        row.atoms, DESCRIPTOR, centers=[0], n_max=[1, 2, 4, 6, 16], l_max=[6], smearing=[0.3]
    )
    found, expected = plots.plot_convergence(fixed), plots.plot_convergence(row)
    for line, other in zip(found.lines, expected.lines, strict=True):
        assert np.array_equal(line.get_xydata(), other.get_xydata(), equal_nan=True)


def test_three_parameters_are_refused():
    options = {"n_max": [1, 2], "l_max": [1, 2], "smearing": [0.3, 0.4]}
    found = convergence(structures.load("H2O"), DESCRIPTOR, **options)
    message = r"one or two parameters, got 3 \(n_max, l_max, smearing\); vary two, and make one"
    with pytest.raises(ValueError, match=message):
        plots.plot_convergence(found)


def test_where_nothing_is_sharp_the_ranks_are_drawn():
    graphene, point = structures.load("graphene"), structures.load("X0")
    for atoms, centers, most in ((graphene, None, 0), (point, [0], 9)):
        line = convergence(atoms, DESCRIPTOR, centers=centers, n_max=[1, 2])
        ax = plots.plot_convergence(line)
        assert ax.get_ylabel() == f"rank (symmetry allows {most})"
        assert np.array_equal(ax.lines[0].get_ydata(), line.rank)
        cells = convergence(atoms, DESCRIPTOR, centers=centers, n_max=[1, 2], l_max=[1, 2, 4])
        ax = plots.plot_convergence(cells)
        assert np.array_equal(ax.images[0].get_array().T, cells.rank)
        written = {text.get_position(): int(text.get_text()) for text in ax.texts}
        assert written == {place: int(rank) for place, rank in np.ndenumerate(cells.rank)}
        ax.figure.canvas.draw()


# Responses


def test_responses_are_drawn_beside_the_slopes(responses):
    amplitudes, changes = responses
    ax = plots.plot_responses(amplitudes, changes, labels=["sensitive", "blind"])
    lines = {line.get_label(): np.log(line.get_xydata()) for line in ax.lines}
    assert list(lines) == ["sensitive", "blind", "linear", "quadratic"]
    slopes = {name: np.ptp(xy[:, 1]) / np.ptp(xy[:, 0]) for name, xy in lines.items()}
    assert slopes["linear"] == pytest.approx(1)
    assert slopes["quadratic"] == pytest.approx(2)
    assert slopes["sensitive"] == pytest.approx(1, abs=0.02)
    assert slopes["blind"] == pytest.approx(2, abs=0.02)
    assert np.allclose(lines["blind"][:, 1], np.log(changes[1]))
    assert ax.get_xlabel() == "amplitude (Å)"
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["sensitive", "blind", "linear", "quadratic"]


def test_changes_of_zero_are_left_out():
    ax = plots.plot_responses([0.1, 0.2], [[0, 0], [0, 1]])
    assert np.isnan(ax.lines[0].get_ydata()).all()
    assert [line.get_label() for line in ax.lines[:2]] == ["mode 0", "mode 1"]
    plots.plot_responses([0.1], [[0]]).figure.canvas.draw()


@pytest.mark.parametrize(
    ("amplitudes", "changes", "labels", "message"),
    [
        ([0.1, 0.2], [[1.0]], None, r"shape \(modes, amplitudes\).* got \(1, 1\) for .* \(2,\)"),
        ([0.1], [1.0], None, r"shape \(modes, amplitudes\).* got \(1,\)"),
        ([], [[]], None, r"got \(1, 0\)"),
        ([0.1], [[1.0]], ["a", "b"], "labels must name 1 modes, got 2; give one for each row"),
        ([0.0], [[1.0]], None, "amplitudes must be positive lengths in Å, got 0; the axis is"),
    ],
)
def test_responses_of_another_shape(amplitudes, changes, labels, message):
    with pytest.raises(ValueError, match=message):
        plots.plot_responses(amplitudes, changes, labels=labels)


# Path


def test_path_shows_every_internal_value_and_the_smallest(path):
    x, spectra = path
    ax = plots.plot_path(spectra, coordinate=x)
    values = np.array([one.singular_values[: one.internal] for one in spectra])
    expected = np.where(values > 1e-12, values, zero_height(ax))
    assert np.count_nonzero(values <= 1e-12) == 1  # X0 is in the middle
    for rank in range(9):
        assert np.array_equal(ax.lines[rank].get_xydata(), np.column_stack([x, expected[:, rank]]))
    (least,) = [line for line in ax.lines if line.get_label() == "smallest"]
    assert np.array_equal(least.get_ydata(), expected.min(axis=1))


def test_path_through_a_linear_molecule():
    # A linear molecule has one internal mode more than a bent one.
    spectra = [
        spectrum(Atoms("OCO", [[-1.2, 0, y], [0, 0, 0], [1.2, 0, y]]), DESCRIPTOR)
        for y in (-0.3, 0.0, 0.3)
    ]
    assert [one.internal for one in spectra] == [3, 4, 3]
    ax = plots.plot_path(spectra, coordinate=[-0.3, 0.0, 0.3])
    assert np.isnan(ax.lines[3].get_ydata()).tolist() == [True, False, True]
    ax.figure.canvas.draw()


def test_path_refuses_another_number_of_coordinates(path):
    x, spectra = path
    message = r"one number per spectrum, and at least one, got shape \(10,\) for 11 spectra"
    with pytest.raises(ValueError, match=message):
        plots.plot_path(spectra, coordinate=x[1:])
    with pytest.raises(ValueError, match=r"got shape \(0,\) for 0 spectra"):
        plots.plot_path([], coordinate=[])


# Mode


def filled(ax, color, *, order):
    """Outlines, without their last corner, of the shapes of a colour in a layer of the drawing."""
    (drawn,) = [each for each in ax.collections if each.get_zorder() == order]
    shapes = zip(drawn.get_paths(), drawn.get_facecolors(), strict=True)
    return [outline.vertices[:-1] for outline, face in shapes if to_hex(face) == to_hex(color)]


def discs(ax, color, *, order):
    """The middles of discs, shape (discs, 2): a circle has 26 corners, and bars and arrows few."""
    found = [corners for corners in filled(ax, color, order=order) if len(corners) > 20]
    return np.array([(each.min(axis=0) + each.max(axis=0)) / 2 for each in found])


def arrows(ax):
    """Starts and vectors of all arrows drawn, shape (arrows, start/vector, 2)."""
    corners = np.array([each for each in filled(ax, ARROW, order=4.0) if len(each) == 7])
    starts, tips = corners[:, [0, 6]].mean(axis=1), corners[:, 3]
    return np.stack([starts, tips - starts], axis=1)


@pytest.mark.parametrize("mode", range(9))
def test_arrows_are_the_displacements_in_projection(singular, mode):
    displacement = singular.modes[mode]
    view = choose_view(singular.atoms, displacement)[:2]
    places, moves = singular.atoms.positions @ view.T, displacement @ view.T
    ax = plots.plot_mode(singular, mode)
    drawn = arrows(ax)
    assert len(drawn) >= 1
    scale = 1.0 / np.linalg.norm(displacement, axis=1).max()  # the longest is 1 Å long
    for start, vector in drawn:
        atom = np.argmin(np.linalg.norm(places - start, axis=1))
        assert np.allclose(start, places[atom], rtol=0, atol=1e-12)
        assert np.allclose(vector, scale * moves[atom], rtol=0, atol=1e-12)


def test_atoms_are_circles_in_the_colours_of_their_elements(singular):
    ax = plots.plot_mode(singular, 0)
    view = choose_view(singular.atoms, singular.modes[0])[:2]
    for number, color in ((1, jmol_colors[1]), (6, jmol_colors[6])):
        places = singular.atoms.positions[singular.atoms.numbers == number] @ view.T
        drawn = discs(ax, color, order=2.0)
        # The disc of the colour itself is shifted up and to the left, by a tenth of the radius;
        # lighter ones, which are white too for a white atom, by more.
        shifts = [np.linalg.norm(drawn - place, axis=1).min() for place in places]
        radius = 0.5 * covalent_radii[number]
        assert shifts == pytest.approx(len(places) * [0.1 * 2**0.5 * radius])


@pytest.mark.parametrize(("sign", "discs_and_bars"), [(1, (2, 0)), (-1, (1, 2))])
def test_arrow_along_the_view_becomes_a_sign(singular, sign, discs_and_bars):
    """A ring with a point, or with a cross."""
    modes = np.array(singular.modes)
    modes[0, 0] = 0.1 * sign * choose_view(singular.atoms, modes[0])[2]
    assert abs(choose_view(singular.atoms, modes[0])[2] @ modes[0, 0]) > 0.098
    ax = plots.plot_mode(replace(singular, modes=modes), 0)
    bars = [each for each in filled(ax, ARROW, order=4.0) if len(each) == 4]
    assert (len(discs(ax, ARROW, order=4.0)), len(bars)) == discs_and_bars
    assert len(arrows(ax)) == 4


def test_any_displacement_is_drawn(singular):
    shown = pull_back(singular.atoms, DensityCorrelations(), center=0, feature=("H", 0, "H", 1, 2))
    ax = plots.plot_displacement(singular.atoms, shown, title="a feature")
    assert ax.get_title() == "a feature"
    view = choose_view(singular.atoms, shown)[:2]
    longest = np.linalg.norm(shown, axis=1).max()
    drawn = {tuple(np.round(vector, 9)) for _, vector in arrows(ax)}
    moves = {tuple(np.round(move, 9)) for move in shown @ view.T / longest}
    assert drawn
    assert drawn <= moves
    still = plots.plot_displacement(singular.atoms, 0 * shown)
    assert not [each for each in still.collections if each.get_zorder() == 4.0]
    with pytest.raises(ValueError, match=r"must have shape \(5, 3\).* got \(15,\)"):
        plots.plot_displacement(singular.atoms, shown.ravel())


def test_mode_that_does_not_exist(singular):
    for mode in (-1, 15):
        with pytest.raises(ValueError, match=f"mode {mode} does not exist: there are 15, counted"):
            plots.plot_mode(singular, mode)


def test_bonds_of_a_crystal_reach_its_images():
    ax = plots.plot_mode(analyze("Si-diamond"), 0)
    bars = [each for each in filled(ax, jmol_colors[14], order=2.0) if len(each) == 4]
    assert len(bars) == 8 * 4  # four bonds per atom, each drawn by halves
    (cell,) = [one for one in ax.collections if one.get_zorder() == 0.5]
    assert len(cell.get_segments()) == 12


def test_the_outline_of_a_layer_is_at_the_height_of_its_atoms():
    layer = structures.load("graphene")
    layer.positions[:, 2] += 0.7
    edges = cell_edges(layer)
    assert edges.shape == (4, 2, 3)
    assert np.allclose(edges[..., 2], layer.positions[0, 2])
    lengths = np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1)
    assert np.allclose(lengths, layer.cell.lengths()[0])
    assert cell_edges(structures.load("CH4")).shape == (0, 2, 3)


# View


@pytest.mark.parametrize("name", ["CH4", "C6H6", "CO2", "H", "Si-diamond", "graphene", "N3"])
def test_view_is_a_rotation(name):
    atoms = structures.load(name)
    rng = np.random.default_rng(2)
    for displacement in (np.zeros((len(atoms), 3)), rng.normal(size=(len(atoms), 3))):
        view = choose_view(atoms, displacement)
        assert np.allclose(view @ view.T, np.eye(3), rtol=0, atol=1e-12)
        assert np.linalg.det(view) == pytest.approx(1)


def test_flat_molecule_is_seen_from_above_if_it_moves_in_its_plane():
    atoms = structures.load("C6H6")
    atoms.rotate(37, "xyz")
    normal = np.linalg.svd(atoms.positions - atoms.positions.mean(axis=0))[2][2]
    inside = np.cross(normal, atoms.positions)
    assert abs(choose_view(atoms, inside)[2] @ normal) > 0.999
    outside = np.tile(normal, (12, 1)) * (-1.0) ** np.arange(12)[:, None]
    across = np.linalg.norm((outside @ choose_view(atoms, outside).T)[:, :2], axis=1)
    assert across.min() > 0.4  # of the length of an arrow


@pytest.mark.parametrize("name", ["CH4", "C6H6", "CO2", "CH3CH2OH", "N3", "octahedron", "C2H6"])
def test_no_atom_hides_another(name):
    atoms = structures.load(name)
    rng = np.random.default_rng(4)
    seen = atoms.positions @ choose_view(atoms, rng.normal(size=(len(atoms), 3)))[:2].T
    gaps = np.linalg.norm(seen[:, None] - seen, axis=2)[np.triu_indices(len(atoms), k=1)]
    assert gaps.min() > 0.3  # Å


# All figures


@pytest.fixture(scope="module")
def results(singular, path, diagnosis, grid, row, responses):
    """All that there are figures of."""
    return singular, path, diagnosis, grid, row, responses


def compared():
    """A comparison of three orders, one of which sees only distances."""
    orders = [DensityCorrelations(order, 3.0, 3, 4) for order in (1, 2, 3)]
    return compare(structures.load("X0"), orders, centers=[0], metric="raw")


def test_a_comparison_shows_all_spectra_and_marks_invisible_modes():
    found = compared()
    ax = plots.plot_comparison(found)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == list(found.names)
    lines = {line.get_label(): line for line in ax.lines if line.get_label() in found.names}
    for name, each in zip(found.names, found.spectra, strict=True):
        shown = lines[name].get_ydata()[: each.rank]
        assert np.allclose(shown, each.singular_values[: each.rank] / each.scale)
        assert len(lines[name].get_ydata()) == each.internal == 9
    hidden = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert [len(line.get_xdata()) for line in hidden] == [
        9 - each.rank for each in found.spectra[:2]
    ]
    assert [each.rank for each in found.spectra] == [1, 8, 9]


def test_long_names_of_a_comparison_are_shortened():
    pair = {"a" * 50: DESCRIPTOR, "b": DESCRIPTOR}
    ax = plots.plot_comparison(compare(structures.load("H"), pair, metric="raw"))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a" * 39 + "…", "b"]


def banded(path=None, points=40):
    """Bands of silicon in a basis that is too small."""
    basis = DensityCorrelations(n_max=1, l_max=1, cutoff=4.5)
    silicon = structures.primitive_cell(structures.load("Si-diamond"))
    return bands(silicon, basis, path=path, points=points)


def test_bands_are_lines_where_they_are_visible():
    found = banded()
    ax = plots.plot_bands(found)
    drawn = np.array([line.get_ydata() for line in ax.lines if len(line.get_xdata()) > 40])
    x = next(line.get_xdata() for line in ax.lines if len(line.get_xdata()) > 40)
    (jump,) = np.flatnonzero(np.isnan(x))  # between K and U
    assert found.labels[jump - 1 : jump + 1] == ("K", "U")
    drawn = np.delete(drawn, jump, axis=1).T  # [q, band]
    visible = found.singular_values > found.zero_level
    assert np.array_equal(drawn[visible], found.singular_values[visible])
    assert np.nan_to_num(drawn[~visible]).max() <= found.zero_level
    assert [tick.get_text() for tick in ax.get_xticklabels()][:4] == ["Γ", "X", "W", "K"]
    assert "K|U" in [tick.get_text() for tick in ax.get_xticklabels()]


def test_invisible_waves_are_cells_in_the_colours_of_their_causes():
    found = banded()
    ax = plots.plot_bands(found)
    (mesh,) = ax.collections
    causes = [cause for cause in found.counts if cause != "sensitive"]
    cells = mesh.get_array()  # [row, q]
    for number, cause in enumerate(causes):
        assert (cells == number).sum(axis=0).filled(0).tolist() == found.counts[cause].tolist()
    assert to_rgb(mesh.cmap(causes.index("truncation"))[:3]) == to_rgb(plots.COLORS["truncation"])
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["visible", "symmetry (2–4)", "truncation (0–2)", "translation (0–3)"]
    assert ax.get_ylim()[0] < 0


@pytest.mark.parametrize("height", [4.95, 6.7, 9.5])
def test_special_points_near_each_other_do_not_overlap(height):
    """The path of a hexagonal crystal with a long c axis ends with short pieces."""
    atoms = bulk("Ti", "hcp", a=2.95, c=height)
    basis = DensityCorrelations(order=1, n_max=2, cutoff=3.5)
    ax = plots.plot_bands(bands(atoms, basis, points=60))
    ax.figure.draw_without_rendering()
    labels = ax.get_xticklabels()
    names = [label.get_text().strip("\n") for label in labels]
    assert names == ["Γ", "M", "K", "Γ", "A", "L", "H", "A|L", "M|K", "H"]
    boxes = [label.get_tightbbox() for label in labels]
    lines = [label.get_text().count("\n") for label in labels]
    middles = [(box.x0 + box.x1) / 2 for box in boxes]
    assert middles == sorted(middles)
    for (box, line), (other, there) in combinations(zip(boxes, lines, strict=True), 2):
        assert line != there or box.x1 < other.x0


def test_names_without_room_on_two_lines_are_left_out():
    names = {0.0: "A|B", 0.1: "C|D", 0.2: "E", 3.0: "F"}
    assert set_apart(names, letter=0.5) == {0.0: "A|B", 0.1: "\nC|D", 3.0: "F"}


def test_grey_boxes_have_one_name():
    wire = Atoms("CH", [(0, 0, 0), (0, 0.5, 1.3)], cell=[0, 0, 2.6], pbc=(False, False, True))
    ax = plots.plot_bands(bands(wire, DensityCorrelations(cutoff=4.5), points=5))
    legend = ax.get_legend()
    grey = [
        text.get_text()
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
        if to_rgb(handle.get_color()) == to_rgb(plots.COLORS["unseen"])
    ]
    assert grey == ["rigid motion (0–4)"]


def test_bands_without_a_path_or_a_visible_wave():
    ax = plots.plot_bands(banded(path=[[0, 0, 0]]))
    assert len(ax.get_xticks()) == 0
    assert "visible" not in [text.get_text() for text in ax.get_legend().get_texts()]
    assert (
        plots.plot_bands(banded(path=[[0.1, 0, 0], [0.3, 0.1, 0]])).get_xlabel().endswith("(1/Å)")
    )


def least_visible(atoms):
    return smallest(atoms, DensityCorrelations(cutoff=3.0, n_max=2, l_max=2), count=4)


def test_smallest_values_ascend_and_upper_bounds_are_triangles():
    rattled = structures.load("Si-diamond")
    rattled.rattle(0.05, seed=0)
    found = least_visible(rattled)
    (line,) = plots.plot_smallest(found).get_lines()
    assert (line.get_label(), line.get_marker()) == ("value", "o")
    assert line.get_ydata() == pytest.approx(found.singular_values)
    errors = np.array([0, 0, 0, 1]) * found.singular_values
    lines = plots.plot_smallest(replace(found, errors=errors)).get_lines()
    assert [(line.get_marker(), *line.get_xdata()) for line in lines] == [("o", 0, 1, 2), ("v", 3)]


def test_smallest_values_that_are_zero_are_drawn_in_a_band():
    ax = plots.plot_smallest(least_visible(structures.load("Si-diamond")))
    (line,) = ax.get_lines()
    assert len(set(line.get_ydata())) == 1
    assert line.get_label() == "value"
    assert any("0: at most" in text.get_text() for text in ax.texts)


def figures(results):
    singular, (x, spectra), diagnosis, grid, row, responses = results
    yield plots.plot_comparison(compared())
    yield plots.plot_bands(banded())
    yield plots.plot_smallest(least_visible(structures.load("Si-diamond")))
    yield plots.plot_diagnosis(diagnosis)
    yield plots.plot_convergence(grid)
    yield plots.plot_convergence(row)
    yield plots.plot_responses(*responses, labels=["sensitive", "incompleteness"])
    yield plots.plot_spectrum(singular)
    yield plots.plot_path(spectra, coordinate=x)
    for name in ("CH4", "CO2", "H", "graphene"):
        yield plots.plot_mode(analyze(name), 1)


@pytest.mark.slow
@pytest.mark.parametrize("style", mostly_slow(STYLES, fast=["dark_background"]))
def test_no_text_is_clipped_and_all_is_readable(results, style):
    with plt.style.context(style):
        for ax in figures(results):
            figure = ax.figure
            figure.canvas.draw()
            assert figure.get_figwidth() == pytest.approx(85 / 25.4)
            box = figure.get_tightbbox()  # of all that is drawn, inches
            assert min(box.x0, box.y0) > -0.01
            assert box.x1 < figure.get_figwidth() + 0.01
            assert box.y1 < figure.get_figheight() + 0.01
            legend = ax.get_legend().get_texts() if ax.get_legend() else []
            inside = [] if ax.images else ax.texts  # what is on cells is another matter
            for text in (ax.title, ax.xaxis.label, ax.yaxis.label, *legend, *inside):
                assert contrast(text.get_color(), figure.get_facecolor()) > 7


def contrast(first, second):
    """Contrast ratio of two colours: 1 for equal ones, 21 for black on white."""
    light = [np.dot([0.2126, 0.7152, 0.0722], np.array(to_rgb(c)) ** 2.2) for c in (first, second)]
    return (max(light) + 0.05) / (min(light) + 0.05)


@pytest.mark.parametrize("style", STYLES)
def test_axes_have_labels_with_units(singular, path, style):
    with plt.style.context(style):
        x, spectra = path
        first, second = plots.plot_spectrum(singular), plots.plot_path(spectra, coordinate=x)
        assert first.get_xlabel() == "mode"
        assert second.get_xlabel() == "displacement (Å)"
        assert {first.get_ylabel(), second.get_ylabel()} == {"singular value (1/Å)"}
        assert plots.plot_mode(singular, 8).texts[0].get_text() == "1 Å"


def test_given_axes_are_used_and_rc_params_are_kept(results):
    before = dict(mpl.rcParams)
    singular, (x, spectra), diagnosis, grid, row, responses = results
    given = Figure().subplots(1, 10)
    assert plots.plot_bands(banded(), ax=given[9]) is given[9]
    assert plots.plot_comparison(compared(), ax=given[7]) is given[7]
    atoms, mode = singular.atoms, singular.modes[0]
    assert plots.plot_displacement(atoms, mode, ax=given[8]) is given[8]
    assert plots.plot_diagnosis(diagnosis, ax=given[3]) is given[3]
    assert plots.plot_convergence(grid, ax=given[4]) is given[4]
    assert plots.plot_convergence(row, ax=given[5]) is given[5]
    assert plots.plot_responses(*responses, ax=given[6]) is given[6]
    assert plots.plot_spectrum(singular, ax=given[0]) is given[0]
    assert plots.plot_path(spectra, coordinate=x, ax=given[1]) is given[1]
    assert plots.plot_mode(singular, 8, ax=given[2]) is given[2]
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", ["a.png", "a.pdf", "a.svg"])
def test_overview_is_saved_without_pyplot(tmp_path, singular, name):
    plots.save_overview(singular, tmp_path / name)
    start = (tmp_path / name).read_bytes()[:5]
    assert start == {"a.png": b"\x89PNG\r", "a.pdf": b"%PDF-", "a.svg": b"<?xml"}[name]
    assert plt.get_fignums() == []


@pytest.mark.slow
def test_plots_do_not_load_pyplot():
    code = "import sys, sensitivity.plots; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_style_is_that_of_lines_without_a_cause():
    with mpl.rc_context():
        plots.style()
        ax = plt.figure().gca()
        colors = [ax.plot([0, 1])[0].get_color() for _ in plots.SERIES]
        assert colors == list(plots.SERIES)
        assert not ax.spines["top"].get_visible()
        assert not ax.spines["right"].get_visible()


def test_names_of_the_user_are_not_formulas() -> None:
    r"""A name such as $\bad{$ would not be drawn at all."""
    name = r"$\bad{$"
    pair = {name: DensityCorrelations(2), "other": DensityCorrelations(3, n_max=4)}
    ax = plots.plot_comparison(compare(structures.load("X0"), pair, centers=[0]))
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()][:2] == [name, "other"]
    ax.figure.canvas.draw()
    still = np.zeros((5, 3))
    plots.plot_displacement(structures.load("X0"), still, title=name).figure.canvas.draw()
    ax = plots.plot_responses([0.1, 0.2], [[0.1, 0.2]], labels=[name])
    ax.figure.canvas.draw()
