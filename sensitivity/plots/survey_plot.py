"""Conditions of the environments of a survey: by species and cause, against a property, drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from sensitivity.numerics import Array, Indices, Mask, unique_rows
from sensitivity.plots.axes import (
    ROUNDING,
    ZeroAxis,
    add_legend,
    foreground,
    make_axes,
    scale_axis,
)
from sensitivity.plots.camera import choose_view
from sensitivity.plots.modes import frame_axes
from sensitivity.plots.palette import COLORS, MARKERS
from sensitivity.plots.structures import Drawing, Look, find_bonds
from sensitivity.survey import Survey
from sensitivity.survey.ranking import INVISIBLE, UNEXPLAINED, conditions, leading_causes
from sensitivity.survey.rows import Table
from sensitivity.survey.summary import describe_worst

BINS = 4
"""Bins of the condition per decade."""

_ORDER = ("sensitive", *INVISIBLE, UNEXPLAINED)


# Species, cause, and bin of the condition; None for zero.
Bin = tuple[str, str, int | None]


def plot_survey(survey: Survey, *, ax: Axes | None = None) -> Axes:
    """Draw how many environments have which condition, by species of the center and by cause.

    A marker stands for all environments in a quarter of a decade, and its area grows with the
    logarithm of their number, so that a single one of a million is seen. The cause is the most
    serious one of an environment. In a survey with causes the condition is that without
    displacements that symmetry hides; environments in which it hides all are left out. Zeros are
    drawn as in ``plot_spectrum``. Parts in a folder are read one at a time.

    Parameters
    ----------
    survey
        Result of ``survey``.
    ax
        Axes to draw into; None creates a figure one column wide.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, structures, survey
    >>> from sensitivity.plots import plot_survey
    >>> _, ax = plt.subplots()
    >>> molecules = [structures.load(name) for name in ("X0", "generic")]
    >>> ax = plot_survey(survey(molecules, DensityCorrelations()), ax=ax)
    """
    ax = make_axes(ax, height=2.8)
    bins = _count_bins(survey.read_environments())
    heights = np.array([_middle(place) for _, _, place in bins])
    axis = _scale(ax, heights, with_causes=survey.causes)
    species = sorted({name for name, _, _ in bins})
    causes = [cause for cause in _ORDER if any(cause == each for _, each, _ in bins)]
    step = 0.8 / max(len(causes), 1)
    for number, cause in enumerate(causes):
        own = {key: count for key, count in bins.items() if key[1] == cause}
        shift = step * (number - (len(causes) - 1) / 2)
        x = [species.index(name) + shift for name, _, _ in own]
        y = axis.heights(np.array([_middle(place) for _, _, place in own]))
        sizes = 9.0 * (1.0 + 1.5 * np.log10(list(own.values())))
        ax.scatter(x, y, s=sizes, label=_label(cause, sum(own.values())), **_look(ax, cause))
    ax.set_xticks(range(len(species)), species)
    for place in range(1, len(species)):
        ax.axvline(place - 0.5, color=foreground(ax), linewidth=0.5, alpha=0.2, zorder=0)
    ax.set_xlim(-0.6, max(len(species), 1) - 0.4)
    ax.set_xlabel("species of the center")
    add_legend(ax, wide=True)
    return ax


def plot_condition(
    survey: Survey, against: str | ArrayLike, *, label: str = "", ax: Axes | None = None
) -> Axes:
    """Draw the condition of every environment against a property, with the colour of its cause.

    Condition and cause are those of ``plot_survey``.

    Parameters
    ----------
    survey
        Result of ``survey``.
    against
        Name of a column, such as "neighbors", or one number for each row of ``Survey.table``.
    label
        Name of the property; that of the column by default.
    ax
        Axes to draw into; None creates a figure one column wide.

    Raises
    ------
    ValueError
        If there is no such column of numbers, or not one number for each row.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, structures, survey
    >>> from sensitivity.plots import plot_condition
    >>> _, ax = plt.subplots()
    >>> found = survey([structures.load("CH3OH")], DensityCorrelations(), causes=False)
    >>> ax = plot_condition(found, "neighbors", ax=ax)
    """
    table = survey.table()
    values = _property(table, against)
    ax = make_axes(ax, height=2.6)
    draw_conditions(ax, values, table)
    given = table[against] if isinstance(against, str) else np.asarray(against)
    if given.dtype.kind in "iu":
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    name = label or (against if isinstance(against, str) else "property")
    ax.set_xlabel(name, parse_math=False)
    add_legend(ax, wide=True)
    return ax


def draw_conditions(ax: Axes, values: Array, table: Table, *, drawn: Mask | None = None) -> Array:
    """Draw the condition of each row against a value, and return its height, NaN if it has none.

    With ``drawn``, only these rows have a marker; the numbers in the legend are those of all.
    """
    heights, causes = conditions(table), leading_causes(table)
    axis = _scale(ax, heights, with_causes="symmetry" in table)
    known = np.isfinite(heights) & np.isfinite(values)
    marked = known if drawn is None else known & drawn
    for cause in _ORDER:
        own, seen = known & (causes == cause), marked & (causes == cause)
        if own.any():
            few = seen.sum() < 500
            size: dict[str, Any] = {"s": 16.0} if few else {"s": 6.0, "linewidths": 0.0}
            look = {"rasterized": bool(seen.sum() > 1000), **_look(ax, cause), **size}
            text = _label(cause, int(own.sum()))
            ax.scatter(values[seen], axis.heights(heights[seen]), label=text, **look)
    return np.where(known, axis.heights(heights), np.nan)


def choose_drawn(values: Array, table: Table, *, most: int, logarithmic: bool = False) -> Mask:
    """Return the rows whose markers are not covered by others, if there are more than ``most``.

    Of markers of one cause at nearly one place, that of the smallest condition is kept. The grid
    of such places is made coarser until not many more than ``most`` are left.
    """
    heights, causes = conditions(table), leading_causes(table)
    known = np.flatnonzero(np.isfinite(heights) & np.isfinite(values))
    drawn = np.zeros(len(values), dtype=bool)
    if len(known) > most:
        known = known[np.argsort(heights[known], kind="stable")]
        x = np.log(values[known]) if logarithmic else values[known]
        y = np.log(np.maximum(heights[known], ROUNDING))
        kinds = np.unique(causes[known].astype(str), return_inverse=True)[1]
        for cells in (512, 256, 128, 64):
            places = [_cells(x, cells), _cells(y, cells), kinds]
            first = np.sort(unique_rows(np.column_stack(places))[0])
            if len(first) <= most:
                break
        known = known[first]
    drawn[known] = True
    return drawn


def _cells(values: Array, count: int) -> Indices:
    """Return the numbers of the cells, ``count`` in the range of the values."""
    low, high = float(values.min()), float(values.max())
    return np.asarray((values - low) * (count / (high - low or 1.0)), dtype=np.intp)


def plot_environment(environment: Atoms, *, ax: Axes | None = None) -> Axes:
    """Draw an environment of ``Survey.environments``, with its center marked.

    The title names frame, center, condition and cause. Bonds and the scale bar are drawn as in
    ``plot_mode``.

    Parameters
    ----------
    environment
        The center and its neighbours, with the row of the survey as ``info``.
    ax
        Axes to draw into; None creates a figure one column wide.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, structures, survey
    >>> from sensitivity.plots import plot_environment
    >>> _, ax = plt.subplots()
    >>> molecules = [structures.load("X0")]
    >>> found = survey(molecules, DensityCorrelations())
    >>> ax = plot_environment(found.environments(molecules)[0], ax=ax)
    """
    ax = make_axes(ax, height=2.8)
    drawing = Drawing(ax, choose_view(environment, np.zeros((len(environment), 3))))
    drawing.add_atoms(environment, find_bonds(environment), look=Look(marked=(0,)))
    drawing.paint()
    frame_axes(ax)
    row = {name: np.array([value]) for name, value in environment.info.items()}
    ((place, condition, cause),) = describe_worst(row)
    style: dict[str, Any] = {"color": foreground(ax), "fontsize": "small", "parse_math": False}
    ax.set_title(f"{place}\n{condition}, {cause}", **style)
    return ax


def _count_bins(tables: Iterable[Table]) -> Counter[Bin]:
    """Return the number of environments in each bin of species, cause and condition."""
    bins: Counter[Bin] = Counter()
    for table in tables:
        values, causes = conditions(table), leading_causes(table)
        known: Indices = np.flatnonzero(~np.isnan(values))
        places = np.floor(BINS * np.log10(np.clip(values[known], ROUNDING, 1 - ROUNDING)))
        zero = (values[known] <= ROUNDING).tolist()
        keys = zip(
            table["species"][known].tolist(),
            causes[known].tolist(),
            [None if is_zero else int(k) for is_zero, k in zip(zero, places, strict=True)],
            strict=True,
        )
        bins.update(keys)
    return bins


def _middle(place: int | None) -> float:
    """Return the condition in the middle of a bin."""
    return 0.0 if place is None else float(10.0 ** ((place + 0.5) / BINS))


def _scale(ax: Axes, values: Array, *, with_causes: bool) -> ZeroAxis:
    kept = "\nnot zero by symmetry" if with_causes else ""
    ax.set_ylabel(f"smallest/largest singular value{kept}", fontsize="small")
    return scale_axis(ax, values[np.isfinite(values)], zero=ROUNDING)


def _property(table: Table, against: str | ArrayLike) -> NDArray[Any]:
    if isinstance(against, str):
        numbers = [name for name, values in table.items() if values.dtype.kind in "if"]
        if against not in numbers:
            expected = f"a column of numbers, one of {', '.join(numbers)}"
            raise ValueError(f"against must be {expected}, got {against!r}.")
        return np.asarray(table[against], dtype=float)
    values = np.asarray(against, dtype=float)
    if values.shape != table["frame"].shape:
        raise ValueError(
            f"against must have one number for each of {len(table['frame'])} rows, got shape "
            f"{values.shape}; take the rows of table()."
        )
    return values


def _label(cause: str, count: int) -> str:
    return f"{'all visible' if cause == 'sensitive' else cause} ({count})"


def _look(ax: Axes, cause: str) -> dict[str, Any]:
    kind = "undetermined" if cause == UNEXPLAINED else cause
    edge = {"edgecolors": foreground(ax), "linewidths": 0.3, "clip_on": False}
    level = 3.0 + 0.1 * _ORDER.index(cause)  # serious causes cover others
    return {"color": COLORS[kind], "marker": MARKERS[kind], "zorder": level, **edge}
