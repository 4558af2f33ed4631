"""Figures of a survey show all environments, with those that are few or zero."""

from __future__ import annotations

import re
from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from ase import Atoms

from sensitivity import DensityCorrelations, plots, structures, survey
from sensitivity.plots.survey_plot import BINS, choose_drawn
from sensitivity.survey import Survey
from sensitivity.survey.ranking import leading_causes

SMALL = {"cutoff": 3.0, "n_max": 3, "l_max": 3}


@pytest.fixture(autouse=True)
def _agg():
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def frames():
    molecules = [structures.load(name) for name in ("X0", "CH4", "CH3OH", "H2O", "C2H6")]
    for seed, atoms in enumerate(molecules[2:]):
        atoms.rattle(0.05, seed=seed)
    return molecules


@pytest.fixture(scope="module")
def found(frames) -> Survey:
    return survey(frames, DensityCorrelations())


@pytest.fixture(scope="module")
def plain(frames) -> Survey:
    return survey(frames, DensityCorrelations(**SMALL), causes=False)


def counted(ax) -> dict[str, int]:
    """Numbers in the legend."""
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    found = (re.fullmatch(r"(.*) \((\d+)\)", text) for text in texts)
    return {match[1]: int(match[2]) for match in found if match}


def test_every_environment_with_a_condition_is_counted(found: Survey) -> None:
    ax = plots.plot_survey(found)
    table = found.table()
    assert sum(counted(ax).values()) == np.isfinite(table["condition_without_symmetry"]).sum()
    assert counted(ax)["incompleteness"] == (table["incompleteness"] > 0).sum()
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["C", "H", "O"]


def test_zeros_are_in_the_band_and_others_at_their_height(found: Survey) -> None:
    ax = plots.plot_survey(found)
    drawn = {each.get_label().split(" (")[0]: each.get_offsets() for each in ax.collections}
    zero = ax.get_yticks()[[tick.get_text() for tick in ax.get_yticklabels()].index("0")]
    assert zero in drawn["incompleteness"][:, 1]
    values = found.table()["condition_without_symmetry"]
    low = values[values > 1e-13].min()
    heights = drawn["all visible"][:, 1]
    assert heights.min() / low < 10 ** (1 / BINS)
    assert zero < heights.min()


def test_one_of_many_environments_is_seen(plain: Survey) -> None:
    """The area grows with the logarithm of the number."""
    table, frames = plain.parts[0]
    many = {name: np.tile(values, 1000) for name, values in table.items()}
    ax = plots.plot_survey(replace(plain, parts=((many, frames), (table, frames))))
    sizes = np.concatenate([each.get_sizes() for each in ax.collections])
    assert sizes.max() < 10 * sizes.min()
    assert sum(counted(ax).values()) == 1001 * np.isfinite(table["condition"]).sum()


def test_a_property_may_be_a_column_or_an_array(plain: Survey) -> None:
    table = plain.table()
    ax = plots.plot_condition(plain, "neighbors")
    assert ax.get_xlabel() == "neighbors"
    offsets = np.concatenate([each.get_offsets() for each in ax.collections if each.get_label()])
    seen = np.isfinite(table["condition"])
    assert sorted(offsets[:, 0]) == sorted(table["neighbors"][seen])
    errors = np.linspace(0, 1, len(table["frame"]))
    ax = plots.plot_condition(plain, errors, label="force error (eV/Å)")
    assert ax.get_xlabel() == "force error (eV/Å)"
    assert sum(counted(ax).values()) == seen.sum()


@pytest.mark.parametrize("against", ["colour", "species", np.zeros(3)])
def test_other_properties_are_refused(plain: Survey, against) -> None:
    with pytest.raises(ValueError, match="against must"):
        plots.plot_condition(plain, against)


@pytest.mark.parametrize("name", ["CH4", "CH3OH"])
def test_ticks_of_whole_numbers_are_whole(name: str) -> None:
    """Also where all are equal, as are the neighbours in methane."""
    small = survey([structures.load(name)], DensityCorrelations(cutoff=5.0, n_max=2, l_max=1))
    for against in ("neighbors", small.table()["center"]):
        ax = plots.plot_condition(small, against)
        ax.figure.draw_without_rendering()
        low, high = ax.get_xlim()
        shown = [tick for tick in ax.get_xticks() if low <= tick <= high]
        assert shown
        assert all(tick == round(tick) for tick in shown)


def test_an_environment_is_drawn_with_its_center_and_its_row(found: Survey, frames) -> None:
    environment = found.environments(frames)[0]
    ax = plots.plot_environment(environment)
    assert environment.info["incompleteness"] == 1
    assert ax.get_title() == "frame 0, C0\n0, incompleteness"
    assert len(ax.collections) == 1


def test_an_environment_without_a_condition_has_the_reason_in_its_title() -> None:
    helium = [Atoms("He")]
    alone = survey(helium, DensityCorrelations(**SMALL))
    (environment,) = alone.environments(helium, rows=alone.table())
    ax = plots.plot_environment(environment)
    assert ax.get_title() == "frame 0, He0\nno internal displacements"


def test_names_are_drawn_as_they_are(plain: Survey) -> None:
    ax = plots.plot_condition(plain, "neighbors", label="$\\frac{$")
    ax.figure.draw_without_rendering()
    assert ax.get_xlabel() == "$\\frac{$"


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_texts_take_the_colours_of_the_axes(found: Survey, style: str) -> None:
    with plt.style.context(style):
        ax = plots.plot_survey(found)
        ink = mpl.colors.to_hex(ax.xaxis.label.get_color())
        edges = {mpl.colors.to_hex(c) for each in ax.collections for c in each.get_edgecolors()}
        assert edges == {ink}
        texts = {mpl.colors.to_hex(each.get_color()) for each in ax.get_legend().get_texts()}
        assert texts == {ink}


@pytest.mark.parametrize("logarithmic", [False, True])
def test_markers_that_are_left_out_lie_behind_others_of_their_cause(
    found: Survey, logarithmic: bool
) -> None:
    few = found.table()
    rng, count = np.random.default_rng(2), 60_000
    table = {name: np.resize(values, count) for name, values in few.items()}
    table["condition_without_symmetry"] = 10 ** rng.uniform(-9, 0, count)
    values = rng.uniform(1.0, 5.0, count)
    values[7] = np.nan
    drawn = choose_drawn(values, table, most=20_000, logarithmic=logarithmic)
    assert 5000 < drawn.sum() <= 20_000
    assert not drawn[7]
    heights, causes = np.log10(table["condition_without_symmetry"]), leading_causes(table)
    x = np.log(values) if logarithmic else values
    spans = np.nanmax(x) - np.nanmin(x), np.ptp(heights)
    for row in rng.choice(np.flatnonzero(~drawn & np.isfinite(values)), 200):
        own = np.flatnonzero(drawn & (causes == causes[row]) & (heights <= heights[row]))
        near = np.abs(x[own] - x[row]) / spans[0] < 1 / 64
        near &= np.abs(heights[own] - heights[row]) / spans[1] < 1 / 64
        assert near.any()
    everything = choose_drawn(values, table, most=count, logarithmic=logarithmic)
    np.testing.assert_array_equal(everything, np.isfinite(values))
