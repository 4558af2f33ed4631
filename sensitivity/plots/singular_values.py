"""Singular values, of one structure and along a path, on an axis that is logarithmic above zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from sensitivity.plots.palette import ARROW, COLORS, MARKERS, foreground, make_axes
from sensitivity.spectrum import Spectrum

Heights = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# Of the largest singular value: what is below is rounding (singular values are exact to 1e-14 of
# the largest) and is drawn as zero. The threshold of the rank, which allows for rounded
# coordinates, is a dotted line. Where symmetry makes all singular values zero, rounding is
# measured by the features instead, over 1 Å.
_ROUNDING = 1e-13

# More markers than this in a column of 85 mm overlap at their usual size.
_MANY_MODES = 40


def plot_spectrum(spectrum: Spectrum, *, ax: Axes | None = None) -> Axes:
    """Draw every singular value, coloured and shaped by its kind, against its mode, from 0.

    Values that are zero to rounding (at most 1e-13 of the largest) stand in a shaded band below
    the logarithmic axis, labelled 0, because a logarithm has no zero. Between the band and a
    dotted line, if there is one, are values that count as zero for the rank.
    """
    ax = make_axes(ax, height=2.4)
    values = np.asarray(spectrum.singular_values)  # [mode]
    heights = _scale(ax, values, spectra=[spectrum])
    kinds = np.array(spectrum.kinds)
    for kind in dict.fromkeys(spectrum.kinds):
        chosen = np.flatnonzero(kinds == kind)
        ax.plot(chosen, heights(values[chosen]), **_marker(ax, kind, count=len(values)))
    ax.set_xlim(-0.7, max(len(values), 2) - 0.3)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.set_xlabel("mode")
    _add_legend(ax)
    return ax


def plot_path(
    spectra: Sequence[Spectrum], *, coordinate: ArrayLike, ax: Axes | None = None
) -> Axes:
    """Draw the singular values of the internal modes against a coordinate in Å, shape (spectra,).

    Lines join values of the same rank, counted from the largest; the smallest one of each
    structure is drawn bold. Zeros are drawn as in ``plot_spectrum``.

    Raises
    ------
    ValueError
        If there is no spectrum, or not one coordinate per spectrum.
    """
    x = _check_coordinate(spectra, coordinate)
    ax = make_axes(ax, height=2.4)
    values = _internal_values(spectra)  # [spectrum, rank], NaN where there is none
    heights = _scale(ax, values, spectra=spectra)
    ax.plot(x, heights(values), color=COLORS["internal"], linewidth=1.0)
    least = np.array([row[~np.isnan(row)].min(initial=np.inf) for row in values])
    least[np.isinf(least)] = np.nan
    ax.plot(x, heights(least), color=ARROW, linewidth=2.0, label="smallest")
    ax.plot([], [], color=COLORS["internal"], linewidth=1.0, label="other internal")
    ax.set_xlabel("displacement (Å)")
    _add_legend(ax)
    return ax


def _check_coordinate(spectra: Sequence[Spectrum], coordinate: ArrayLike) -> NDArray[np.float64]:
    x = np.asarray(coordinate, dtype=float)
    if len(spectra) == 0 or x.shape != (len(spectra),):
        raise ValueError(
            f"coordinate must have one number per spectrum, and at least one, got shape {x.shape} "
            f"for {len(spectra)} spectra; give the displacement of each."
        )
    return x


def _internal_values(spectra: Sequence[Spectrum]) -> NDArray[np.float64]:
    rows = [
        np.asarray(spectrum.singular_values)[np.array(spectrum.kinds) == "internal"]
        for spectrum in spectra
    ]
    values = np.full((len(rows), max(map(len, rows))), np.nan)  # [spectrum, rank]
    for row, found in zip(values, rows, strict=True):
        row[: len(found)] = found
    return values


def _largest(spectra: Sequence[Spectrum]) -> float:
    return float(max(np.max(spectrum.singular_values) for spectrum in spectra))


def _zero_level(spectra: Sequence[Spectrum]) -> float:
    features = max(float(np.abs(spectrum.features).max(initial=0.0)) for spectrum in spectra)
    return _ROUNDING * max(_largest(spectra), features)


def _threshold(spectra: Sequence[Spectrum]) -> float:
    return max(spectrum.zero_level for spectrum in spectra)


def _scale(ax: Axes, values: NDArray[np.float64], *, spectra: Sequence[Spectrum]) -> Heights:
    """Set the vertical axis for these values; return where on it a value is drawn."""
    zero, threshold = _zero_level(spectra), _threshold(spectra)
    seen = values[values > zero]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (1.0, 1.0)
    bottom, top = np.floor(np.log10(low)), np.log10(high)
    if top - bottom < 1.0:
        bottom -= 1.0
    room = 0.08 * (top - bottom)  # decades
    hidden = bool((values <= zero).any())
    step = 0.2 * (top - bottom) if hidden else 0.0  # decades, from the lowest tick to that of zero
    floor = 10.0 ** (bottom - step)
    ax.set_yscale("log")
    ax.set_ylim(10.0 ** (bottom - 1.8 * step - room * (not hidden)), 10.0 ** (top + room))
    _set_ticks(ax, bottom=bottom, top=top, floor=floor if hidden else None, any_seen=seen.size > 0)
    ax.set_ylabel("singular value (1/Å)")
    if hidden:
        _add_band(ax, upper=10.0 ** (bottom - 0.4 * step), zero=zero)
    if threshold > 10.0**bottom:
        ax.axhline(threshold, color=foreground(ax), linewidth=0.8, linestyle=":", zorder=1)
        _add_note(ax, "zero for the rank", place=threshold, offset=-9)
    return lambda drawn: np.where(drawn <= zero, floor, drawn)


def _set_ticks(ax: Axes, *, bottom: float, top: float, floor: float | None, any_seen: bool) -> None:
    decades = np.arange(bottom, np.floor(top) + 1)[:: max(1, round((top - bottom) / 5))]
    places = [10.0**decade for decade in decades] if any_seen else []
    labels = [f"$10^{{{decade:.0f}}}$" for decade in decades] if any_seen else []
    if floor is not None:
        places, labels = [floor, *places], ["0", *labels]
    ax.yaxis.set_major_locator(FixedLocator(places))
    ax.yaxis.set_major_formatter(FixedFormatter(labels))
    few = any_seen and top - bottom < 3
    minor = np.outer(10.0 ** np.arange(bottom, top), np.arange(2, 10)) if few else np.empty(0)
    ax.yaxis.set_minor_locator(FixedLocator(minor.ravel().tolist()))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _add_band(ax: Axes, *, upper: float, zero: float) -> None:
    low = ax.get_ylim()[0]
    ax.axhspan(low, upper, color=foreground(ax), alpha=0.12, linewidth=0, zorder=0)
    _add_note(ax, f"0: at most {zero:.0e}" if zero else "all exactly 0", place=low, offset=2)


def _add_note(ax: Axes, text: str, *, place: float, offset: float) -> None:
    """Write small text at the left, so many points above this height."""
    style: dict[str, Any] = {"textcoords": "offset points", "fontsize": "x-small"}
    place_in_axes = ("axes fraction", "data")
    ax.annotate(text, (0.02, place), (0, offset), place_in_axes, color=foreground(ax), **style)


def _marker(ax: Axes, kind: str, *, count: int) -> dict[str, Any]:
    many = count > _MANY_MODES
    return {
        "linestyle": "none",
        "marker": MARKERS[kind],
        "markersize": 3.5 if many else 5.5,
        "markerfacecolor": COLORS[kind],
        "markeredgecolor": foreground(ax),
        "markeredgewidth": 0.3 if many else 0.6,
        "label": kind,
        "clip_on": False,
        "zorder": 3,
    }


def _add_legend(ax: Axes) -> None:
    ax.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=4,
        frameon=False,
        fontsize="small",
        handletextpad=0.4,
        columnspacing=0.9,
        borderaxespad=0.2,
        handlelength=1.2,
        labelcolor=foreground(ax),
    )
    ax.spines[["top", "right"]].set_visible(False)
