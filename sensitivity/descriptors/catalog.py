"""The descriptors that have a name, for the command and the explorer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from sensitivity.descriptors.density_correlations import DensityCorrelations
from sensitivity.descriptors.overlap_matrix import OverlapMatrix
from sensitivity.descriptors.packages import (
    KNOWN_TO_WORK,
    extra,
    failure,
    import_package,
    installed_version,
    remedy,
    required,
)
from sensitivity.descriptors.protocol import Descriptor, settings_of
from sensitivity.numerics import is_number

_TORCH = (".pt", ".pth", ".ckpt", ".pth.tar")  # endings of files

# Those of the native descriptor, so that descriptors can be compared as they are.
_DEFAULTS = DensityCorrelations()
_NATIVE = "DensityCorrelations"


@dataclass(frozen=True)
class Entry:
    """A descriptor with a name.

    Attributes
    ----------
    text
        What it is, in a few words.
    build
        Returns the descriptor for a structure, whose species it may need, with usual settings.
    name
        Name of the descriptor in tables and results.
    package
        The package that computes it; empty for this one.
    order
        Number of neighbours correlated, if descriptors of several orders have the same name.

    Examples
    --------
    >>> from sensitivity import structures
    >>> from sensitivity.descriptors.catalog import CATALOG
    >>> CATALOG["2"].text
    'density correlations of order 2, the SOAP power spectrum'
    >>> CATALOG["2"].build(structures.load("CH4")).order
    2
    """

    text: str
    build: Callable[[Atoms], Descriptor]
    name: str
    package: str = ""
    order: int | None = None

    @property
    def installed(self) -> str | None:
        """Installed version of the package; None if it is missing, "" for this one."""
        return installed_version(self.package) if self.package else ""

    @property
    def known_to_work(self) -> str:
        """Version of the package that is known to work; "" for this one."""
        return KNOWN_TO_WORK.get(self.package, "")

    @property
    def extra(self) -> str:
        """Name of the extra that installs the package; "" for this one."""
        return extra(self.package)

    @property
    def remedy(self) -> str:
        """The command that installs the package."""
        return remedy(self.package)

    def made_for(self, atoms: Atoms) -> Descriptor:
        """Return the descriptor for a structure; ImportError if its package does not work."""
        if not self.package:
            return self.build(atoms)
        with required(self.package):
            import_package(self.package)
        # Another version has other names and arguments.
        with required(self.package, failures=(ImportError, AttributeError, TypeError)):
            return self.build(atoms)


def _native(order: int) -> Callable[[Atoms], Descriptor]:
    if order < 4:
        return lambda atoms: DensityCorrelations(order=order)
    return lambda atoms: _DEFAULTS.of_order(order) or _DEFAULTS  # with an affordable basis


def _species(atoms: Atoms) -> list[str]:
    return [chemical_symbols[number] for number in np.unique(atoms.numbers)]


def _soap(atoms: Atoms) -> Descriptor:
    from dscribe.descriptors import SOAP

    from sensitivity.descriptors.from_dscribe import Dscribe

    return Dscribe(
        SOAP(
            species=_species(atoms),
            r_cut=_DEFAULTS.cutoff,
            n_max=_DEFAULTS.n_max,
            l_max=_DEFAULTS.l_max,
            sigma=_DEFAULTS.smearing,
            periodic=bool(atoms.pbc.any()),
        )
    )


def _acsf(atoms: Atoms) -> Descriptor:
    from dscribe.descriptors import ACSF

    from sensitivity.descriptors.from_dscribe import Dscribe

    radial = [[width, center] for width in (1.0, 4.0) for center in (0.0, 1.0, 2.0)]
    angular = [[0.1, zeta, sign] for zeta in (1, 2, 4, 8) for sign in (1, -1)]
    return Dscribe(
        ACSF(
            species=_species(atoms),
            r_cut=_DEFAULTS.cutoff,
            g2_params=radial,
            g4_params=angular,
            periodic=bool(atoms.pbc.any()),
        )
    )


def _coulomb_matrix(atoms: Atoms) -> Descriptor:
    from dscribe.descriptors import CoulombMatrix

    from sensitivity.descriptors.from_dscribe import Dscribe

    matrix = CoulombMatrix(n_atoms_max=len(atoms), permutation="eigenspectrum")
    return Dscribe(matrix, cutoff=float(atoms.get_all_distances().max()) + 1.0)


def _featomic(kind: str) -> Callable[[Atoms], Descriptor]:
    def build(atoms: Atoms) -> Descriptor:
        import featomic

        from sensitivity.descriptors.from_featomic import Featomic

        radial = {"type": "Gto", "max_radial": _DEFAULTS.n_max - 1}
        basis: dict[str, Any] = {"radial": radial, "spline_accuracy": None}
        if kind == "SoapPowerSpectrum":
            basis |= {"type": "TensorProduct", "max_angular": _DEFAULTS.l_max}
        calculator = getattr(featomic, kind)(
            cutoff={
                "radius": _DEFAULTS.cutoff,
                "smoothing": {"type": "ShiftedCosine", "width": 0.5},
            },
            density={"type": "Gaussian", "width": _DEFAULTS.smearing, "center_atom_weight": 0.0},
            basis=basis,
        )
        return Featomic(calculator)

    return build


def _aev(atoms: Atoms) -> Descriptor:
    from sensitivity.descriptors.from_torchani import Aev

    return Aev()


def _chgnet(atoms: Atoms) -> Descriptor:
    from sensitivity.descriptors.from_chgnet import Chgnet

    return Chgnet()


def _sevennet(atoms: Atoms) -> Descriptor:
    from sensitivity.descriptors.from_sevennet import SevenNet

    return SevenNet()


def _ace(order: int) -> Callable[[Atoms], Descriptor]:
    def build(atoms: Atoms) -> Descriptor:
        from sensitivity.descriptors.from_ace import Ace

        return Ace.affordable(order, species=_species(atoms))

    return build


_ENTRIES = {
    "1": Entry("density correlations of order 1: distances", _native(1), _NATIVE, order=1),
    "2": Entry(
        "density correlations of order 2, the SOAP power spectrum", _native(2), _NATIVE, order=2
    ),
    "3": Entry("density correlations of order 3, the bispectrum", _native(3), _NATIVE, order=3),
    "4": Entry("density correlations of order 4, the trispectrum", _native(4), _NATIVE, order=4),
    "overlap-matrix": Entry(
        "eigenvalues of the overlap matrix of s and p orbitals",
        lambda atoms: OverlapMatrix(),
        "OverlapMatrix",
    ),
    "dscribe-soap": Entry("SOAP power spectrum of dscribe", _soap, "dscribe SOAP", "dscribe"),
    "dscribe-acsf": Entry(
        "atom-centered symmetry functions of dscribe", _acsf, "dscribe ACSF", "dscribe"
    ),
    "dscribe-coulomb-matrix": Entry(
        "eigenvalues of the Coulomb matrix, of a whole molecule, of dscribe",
        _coulomb_matrix,
        "dscribe CoulombMatrix",
        "dscribe",
    ),
    "featomic-radial-spectrum": Entry(
        "radial spectrum of featomic",
        _featomic("SoapRadialSpectrum"),
        "featomic SoapRadialSpectrum",
        "featomic",
    ),
    "featomic-power-spectrum": Entry(
        "SOAP power spectrum of featomic",
        _featomic("SoapPowerSpectrum"),
        "featomic SoapPowerSpectrum",
        "featomic",
    ),
    "ace-jax-2": Entry(
        "atomic cluster expansion of order 2, of ace-jax", _ace(2), "ace-jax", "ace-jax", order=2
    ),
    "ace-jax-3": Entry(
        "atomic cluster expansion of order 3, of ace-jax", _ace(3), "ace-jax", "ace-jax", order=3
    ),
    "chgnet-features": Entry(
        "features of atoms in the potential CHGNet", _chgnet, "Chgnet 0.3.0", "chgnet"
    ),
    "sevennet-features": Entry(
        "features of atoms in the potential SevenNet-0", _sevennet, "SevenNet 7net-0", "sevenn"
    ),
    "torchani-aev": Entry(
        "atomic environment vectors of the ANI potentials, of TorchANI",
        _aev,
        "TorchANI AEV",
        "torchani",
    ),
}

CATALOG: Mapping[str, Entry] = MappingProxyType(_ENTRIES)
"""The descriptors with a name.

Examples
--------
>>> from sensitivity.descriptors.catalog import CATALOG
>>> [name for name, entry in CATALOG.items() if not entry.package]
['1', '2', '3', '4', 'overlap-matrix']
"""


def named_descriptor(name: str, atoms: Atoms, **settings: Any) -> Descriptor:
    """Return a descriptor of the catalog for a structure.

    Parameters
    ----------
    name
        One of ``CATALOG``.
    atoms
        The structure; some descriptors are made for its species.
    **settings
        Changes of its settings, as its ``with_settings`` takes them.

    Raises
    ------
    ImportError
        If its package is missing or does not work.
    TypeError, ValueError
        If there is no such name or setting.

    Examples
    --------
    >>> from sensitivity import structures
    >>> from sensitivity.descriptors.catalog import named_descriptor
    >>> named_descriptor("overlap-matrix", structures.load("CH4"), orbitals="s").orbitals
    's'
    """
    descriptor = installed_entry(name).made_for(atoms)
    present = settings_of(descriptor)
    for key, value in settings.items():
        if is_number(present.get(key)) and not is_number(value):
            raise TypeError(f"{key} of {name} must be a number, got {value!r}.")
    return descriptor.with_settings(**settings) if settings else descriptor


def installed_entry(name: str) -> Entry:
    """Return an entry of the catalog whose package is installed.

    Raises
    ------
    ImportError
        If its package is missing.
    ValueError
        If there is no such name.

    Examples
    --------
    >>> from sensitivity.descriptors.catalog import installed_entry
    >>> installed_entry("overlap-matrix").package
    ''
    """
    if name not in CATALOG:
        close = get_close_matches(name, CATALOG, n=2, cutoff=0.4)
        advice = f"did you mean {' or '.join(close)}?" if close else "see 'sensitivity descriptors'"
        if name.endswith(_TORCH):
            advice = "reading a torch file may run code; write a Python file that reads it, and "
            advice += "give FILE.py:NAME"
        raise ValueError(f"there is no descriptor {name!r}; {advice}")
    entry = CATALOG[name]
    if entry.installed is None:
        raise failure(entry.package)
    return entry


def native_name(descriptor: Descriptor) -> str:
    """Return the name of density correlations, their order; empty for other descriptors.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations
    >>> from sensitivity.descriptors import OverlapMatrix
    >>> from sensitivity.descriptors.catalog import native_name
    >>> native_name(DensityCorrelations(order=3)), native_name(OverlapMatrix())
    ('3', '')
    """
    return str(descriptor.order) if type(descriptor) is DensityCorrelations else ""


def listed_name(name: str, settings: Mapping[str, Any]) -> str:
    """Return the name in ``CATALOG`` of a descriptor that results call ``name``; or an empty one.

    Examples
    --------
    >>> from sensitivity.descriptors.catalog import listed_name
    >>> listed_name("dscribe SOAP", {"n_max": 8}), listed_name("DensityCorrelations", {"order": 3})
    ('dscribe-soap', '3')
    >>> listed_name("my features", {})
    ''
    """
    order = settings.get("order")
    for listed, entry in CATALOG.items():
        if entry.name == name and (
            entry.order is None or (type(order) is int and entry.order == order)
        ):
            return listed
    return ""
