"""Colours and markers of the kinds of modes and the causes, and further colours.

The colours are those of M. Okabe and K. Ito, Color Universal Design (2008), which are distinct for
people with any common colour blindness, a light grey, and a wine red; the markers are distinct in
print.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import matplotlib as mpl
from matplotlib.rcsetup import cycler

from sensitivity.spectrum import TRIVIAL

_LOOKS = {
    "internal": ("#0072B2", "o"),
    "sensitive": ("#0072B2", "o"),
    "symmetry": ("#E69F00", "s"),
    "truncation": ("#CC79A7", "P"),
    "incompleteness": ("#D55E00", "D"),
    "width": ("#882255", "p"),
    "undetermined": ("#F0E442", "*"),
    "unseen": ("#D0D0D0", "X"),
    "rotation": ("#56B4E9", "^"),
    "translation": ("#009E73", "v"),
}

COLORS: Mapping[str, str] = MappingProxyType({name: look[0] for name, look in _LOOKS.items()})
"""Colour of each kind and cause.

Examples
--------
>>> from sensitivity.plots import COLORS
>>> COLORS["incompleteness"]
'#D55E00'
"""

MARKERS: Mapping[str, str] = MappingProxyType({name: look[1] for name, look in _LOOKS.items()})
"""Marker of each kind and cause, as matplotlib names it.

Examples
--------
>>> from sensitivity.plots import MARKERS
>>> MARKERS["symmetry"]
's'
"""

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours of lines without a cause.

Examples
--------
>>> from sensitivity.plots import SERIES
>>> len(SERIES), SERIES[0]
(6, '#0072B2')
"""

ARROW = "#D55E00"
"""Colour of displacements and of other emphasis."""

HALO = "#E69F00"
"""Colour around the centers."""


def style() -> None:
    """Use ``SERIES`` for further matplotlib figures, without upper and right axes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity.plots import SERIES, style
    >>> with plt.rc_context():
    ...     style()
    ...     plt.rcParams["axes.prop_cycle"].by_key()["color"] == list(SERIES)
    True
    """
    mpl.rc("axes", prop_cycle=cycler(color=SERIES))
    mpl.rc("axes.spines", top=False, right=False)


def cause_color(cause: str) -> str:
    """Return the colour of a cause in a diagnosis; trivial motions are grey."""
    return COLORS["unseen" if cause in TRIVIAL else cause]
