"""Singular values: of one structure, by kind or by cause, and along a path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from sensitivity.diagnosis import Diagnosis
from sensitivity.numerics import Array
from sensitivity.plots.axes import ROUNDING, ZeroAxis, add_legend, foreground, make_axes, scale_axis
from sensitivity.plots.palette import ARROW, COLORS, MARKERS, cause_color
from sensitivity.session import Session
from sensitivity.spectrum import Spectrum

# Of each kind or cause.
Markers = dict[str, Line2D]


def plot_spectrum(spectrum: Spectrum, *, ax: Axes | None = None) -> Axes:
    """Draw every singular value, with the colour and marker of its kind, against its mode, from 0.

    Values that are zero to rounding (at most 1e-13 of the largest) are drawn in a shaded band below
    the logarithmic axis, labelled 0, because a logarithm has no zero. Values between the band and
    a dotted line, if present, count as zero for the rank.

    Parameters
    ----------
    spectrum
        Result of ``spectrum``.
    ax
        Axes to draw into; None creates a figure one column wide.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, spectrum, structures
    >>> from sensitivity.plots import plot_spectrum
    >>> _, ax = plt.subplots()
    >>> found = spectrum(structures.load("generic"), DensityCorrelations(), centers=[0])
    >>> ax = plot_spectrum(found, ax=ax)
    """
    ax = make_axes(ax, height=2.4)
    values = spectrum.singular_values  # [mode]
    draw_modes(ax, values, spectrum.kinds, axis=scale_values(ax, values, spectra=[spectrum]))
    add_legend(ax)
    return ax


def plot_diagnosis(diagnosis: Diagnosis, *, ax: Axes | None = None) -> Axes:
    """Draw every singular value, with the colour and marker of its cause, by mode, from 0.

    The legend counts the modes of each cause. Rigid motions and unseen atoms are grey. Zeros are
    drawn as in ``plot_spectrum``.

    Parameters
    ----------
    diagnosis
        Result of ``diagnose``.
    ax
        Axes to draw into; None creates a figure one column wide.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, diagnose, structures
    >>> from sensitivity.plots import plot_diagnosis
    >>> _, ax = plt.subplots()
    >>> found = diagnose(structures.load("N3"), DensityCorrelations(), centers=[0])
    >>> ax = plot_diagnosis(found, ax=ax)
    """
    ax = make_axes(ax, height=2.6)
    values = np.array([mode.singular_value for mode in diagnosis.modes])
    causes = [mode.cause for mode in diagnosis.modes]
    draw_causes(ax, values, causes, axis=scale_values(ax, values, spectra=[diagnosis.spectrum]))
    add_legend(ax, wide=True)
    return ax


def plot_session(session: Session, *, ax: Axes | None = None) -> Axes:
    """Draw the saved singular values of a session, by cause and mode, without computing them.

    As ``plot_diagnosis``, from a file of ``Explorer.save_state``, ``diagnose --json`` or
    ``analyze --json``.

    Parameters
    ----------
    session
        Result of ``read_session``.
    ax
        Axes to draw into; None creates a figure one column wide.

    Raises
    ------
    ValueError
        If the session has no singular values.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from ase import Atoms
    >>> from sensitivity.plots import plot_session
    >>> from sensitivity.session import Named, Session
    >>> _, ax = plt.subplots()
    >>> atom, kinds = Atoms("H"), ("translation",) * 3
    >>> saved = {"singular_values": [0.0, 0.0, 0.0], "kinds": kinds}
    >>> ax = plot_session(Session(atom, Named("2", {}, listed=True), (0,), **saved), ax=ax)
    """
    if session.singular_values is None or session.kinds is None:
        raise ValueError(
            "this session has no singular values to draw; save it from an explorer, or with "
            "'diagnose --json' or 'analyze --json'."
        )
    ax = make_axes(ax, height=2.6)
    values = np.asarray(session.singular_values, dtype=float)
    ax.set_ylabel("singular value (1/Å)")
    axis = scale_axis(ax, values, zero=ROUNDING * float(values.max()))
    draw_causes(ax, values, session.kinds, axis=axis)
    add_legend(ax, wide=True)
    return ax


def plot_path(
    spectra: Sequence[Spectrum], *, coordinate: ArrayLike, ax: Axes | None = None
) -> Axes:
    """Draw the singular values of the internal modes along a path.

    Lines join the k-th largest values; the smallest value of each structure is drawn bold. Zeros
    are drawn as in ``plot_spectrum``.

    Parameters
    ----------
    spectra
        One for each structure.
    coordinate
        Å, shape (spectra,).
    ax
        Axes to draw into; None creates a figure one column wide.

    Raises
    ------
    ValueError
        If there is no spectrum, or not one coordinate per spectrum.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, follow, structures
    >>> from sensitivity.plots import plot_path
    >>> _, ax = plt.subplots()
    >>> S1, descriptor = structures.load("S1"), DensityCorrelations()
    >>> path = follow(S1, descriptor, center=0, mode=8, length=0.2)
    >>> ax = plot_path(path.spectra, coordinate=path.length, ax=ax)
    """
    x = np.asarray(coordinate, dtype=float)
    if len(spectra) == 0 or x.shape != (len(spectra),):
        raise ValueError(
            f"coordinate must have one number per spectrum, and at least one, got shape {x.shape} "
            f"for {len(spectra)} spectra; give the displacement of each."
        )
    ax = make_axes(ax, height=2.4)
    draw_path(ax, spectra, x)
    ax.set_xlabel("displacement (Å)")
    add_legend(ax)
    return ax


def draw_path(
    ax: Axes, spectra: Sequence[Spectrum], x: Array, **look: Any
) -> tuple[list[Line2D], Line2D]:
    """Draw the lines of ``plot_path``; ``look`` has further arguments of ``scale_axis``.

    Returns one line per internal mode, the largest value first, and the line of the smallest.
    """
    rows = [each.singular_values[np.array(each.kinds) == "internal"] for each in spectra]
    values = np.full((len(rows), max(map(len, rows))), np.nan)  # [spectrum, rank]
    for row, found in zip(values, rows, strict=True):
        row[: len(found)] = found
    axis = scale_values(ax, values, spectra=spectra, **look)
    style: dict[str, Any] = {"color": COLORS["internal"], "linewidth": 1.0}
    lines = ax.plot(x, axis.heights(values), **style)
    least = np.array([row[~np.isnan(row)].min(initial=np.inf) for row in values])
    least[np.isinf(least)] = np.nan
    (smallest,) = ax.plot(x, axis.heights(least), color=ARROW, linewidth=2.0, label="smallest")
    ax.plot([], [], label="other internal", **style)
    return lines, smallest


def draw_modes(ax: Axes, values: Array, kinds: Sequence[str], *, axis: ZeroAxis) -> Markers:
    """Draw singular values, shape (3N,), against their mode; return the markers of each kind."""
    drawn: Markers = {}
    look: dict[str, Any] = {"ls": "none", "mec": foreground(ax), "clip_on": False, "zorder": 3}
    # In a narrow column, more markers of the usual size would overlap.
    look |= {"ms": 3.5, "mew": 0.3} if len(values) > 40 else {"ms": 5.5, "mew": 0.6}
    for kind in dict.fromkeys(kinds):
        chosen = np.flatnonzero(np.array(kinds) == kind)
        look |= {"marker": MARKERS[kind], "mfc": COLORS[kind], "label": kind}
        (drawn[kind],) = ax.plot(chosen, axis.heights(values[chosen]), **look)
    ax.set(xlabel="mode", xlim=(-0.7, max(len(values), 2) - 0.3))
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    return drawn


def draw_causes(ax: Axes, values: Array, causes: Sequence[str], *, axis: ZeroAxis) -> Markers:
    """Draw singular values by cause, trivial motions in grey, and count the modes of each cause."""
    drawn = draw_modes(ax, values, causes, axis=axis)
    for cause, line in drawn.items():
        line.set(label=f"{cause} ({causes.count(cause)})", markerfacecolor=cause_color(cause))
    return drawn


def scale_values(ax: Axes, values: Array, *, spectra: Sequence[Spectrum], **look: Any) -> ZeroAxis:
    """Set the vertical axis for singular values of some spectra; ``look`` is for ``scale_axis``."""
    ax.set_ylabel("singular value (1/Å)")
    # Where symmetry makes all singular values zero, the features, over 1 Å, set the rounding level.
    sizes = [np.abs(each.features).max(initial=0.0) for each in spectra]
    sizes += [np.max(each.singular_values) for each in spectra]
    threshold = max(each.zero_level for each in spectra)
    return scale_axis(ax, values, zero=ROUNDING * float(max(sizes)), threshold=threshold, **look)
