"""Singular values, of one structure and along a path, on an axis that is logarithmic above zero."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from sensitivity.plots.palette import ARROW, COLORS, add_legend, make_axes, mode_marker
from sensitivity.plots.zeros import ROUNDING, Heights, scale_axis
from sensitivity.spectrum import Spectrum


def plot_spectrum(spectrum: Spectrum, *, ax: Axes | None = None) -> Axes:
    """Draw every singular value, coloured and shaped by its kind, against its mode, from 0.

    Values that are zero to rounding (at most 1e-13 of the largest) stand in a shaded band below
    the logarithmic axis, labelled 0, because a logarithm has no zero. Between the band and a
    dotted line, if there is one, are values that count as zero for the rank.
    """
    ax = make_axes(ax, height=2.4)
    values = np.asarray(spectrum.singular_values)  # [mode]
    draw_modes(ax, values, kinds=spectrum.kinds, spectrum=spectrum)
    add_legend(ax)
    return ax


def draw_modes(
    ax: Axes, values: NDArray[np.float64], *, kinds: Sequence[str], spectrum: Spectrum
) -> None:
    """Draw singular values, shape (3N,), against their mode, each kind in its own marks.

    ``spectrum`` says what is zero.
    """
    heights = _scale(ax, values, spectra=[spectrum])
    for kind in dict.fromkeys(kinds):
        chosen = np.flatnonzero(np.array(kinds) == kind)
        ax.plot(chosen, heights(values[chosen]), **mode_marker(ax, kind, count=len(values)))
    ax.set_xlim(-0.7, max(len(values), 2) - 0.3)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.set_xlabel("mode")


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
    add_legend(ax)
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
    # Where symmetry makes all singular values zero, rounding is measured by the features instead,
    # over 1 Å.
    features = max(float(np.abs(spectrum.features).max(initial=0.0)) for spectrum in spectra)
    return ROUNDING * max(_largest(spectra), features)


def _threshold(spectra: Sequence[Spectrum]) -> float:
    return max(spectrum.zero_level for spectrum in spectra)


def _scale(ax: Axes, values: NDArray[np.float64], *, spectra: Sequence[Spectrum]) -> Heights:
    """Set the vertical axis for these singular values; return where on it a value is drawn."""
    ax.set_ylabel("singular value (1/Å)")
    return scale_axis(ax, values, zero=_zero_level(spectra), threshold=_threshold(spectra))
