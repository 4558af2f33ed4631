"""Descriptors of dscribe.

dscribe's analytic derivative of SOAP leaves out products of which both expansion coefficients are
below 1e-8. Near symmetric geometries, where coefficients vanish, this is an error of up to 1e-7 of
the largest derivative. Here the density is multiplied by 2^100, and the features are divided by
2^200: both are exact, and nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from inspect import signature
from typing import Any, Self

import numpy as np
from ase import Atoms
from ase import __version__ as ase_version
from ase.data import chemical_symbols
from ase.geometry import complete_cell

from sensitivity.descriptors import dscribe_settings
from sensitivity.descriptors.adapter import Adapter
from sensitivity.descriptors.batches import Batch
from sensitivity.descriptors.clusters import find_clusters
from sensitivity.descriptors.packages import required
from sensitivity.descriptors.protocol import Label, is_json
from sensitivity.numerics import Array, Indices
from sensitivity.structures import neighbor_pairs

_ENLARGED, _REDUCED = 2.0**100, 2.0**-200  # factors of the density and of the features


class Dscribe(Adapter):
    """A descriptor of dscribe.

    Gradients are analytic for SOAP with ``rbf="gto"``, except with a weighting function, an inner
    average or the compression "mu1nu1", and for MBTR where dscribe has them; others are
    differentiated numerically. A center moves with its atom (``attach=True`` in dscribe). In a
    crystal, gradients of SOAP are those of the finite cluster of images around each center, with
    the gradients of the images of an atom summed.

    Averages, matrices and MBTR have one row for the whole structure. It belongs to the one center
    that is asked for.

    The output is dense and of double precision, whatever ``sparse`` and ``dtype`` say.

    Parameters
    ----------
    descriptor
        SOAP, ACSF, LMBTR, MBTR, ValleOganov, CoulombMatrix, SineMatrix or EwaldSumMatrix.
    cutoff
        Radius in Å beyond which a center sees nothing. SOAP and ACSF know it. Others need it; for
        a molecule, any length above its size is right.

    Raises
    ------
    ImportError
        If dscribe is missing, or does not work with the installed ASE.
    TypeError, ValueError
        If it is no descriptor of dscribe, has random features, or needs a cutoff.

    Examples
    --------
    >>> from dscribe.descriptors import SOAP
    >>> from sensitivity import diagnose, structures
    >>> from sensitivity.descriptors import Dscribe
    >>> soap = Dscribe(SOAP(species=["H", "N"], r_cut=4.0, n_max=6, l_max=6, sigma=0.4))
    >>> diagnose(structures.load("NH3"), soap).counts["sensitive"]
    6
    """

    inversion_invariant = True
    cutoff: float

    def __init__(self, descriptor: Any, *, cutoff: float | None = None) -> None:
        is_local = _find_locality(descriptor)
        self._kind, self._arguments = dscribe_settings.kind_and_arguments(descriptor)
        if self._arguments.get("permutation") == "random":
            raise ValueError(
                f"{self.name} with permutation='random' has other features at every call; use "
                "permutation='eigenspectrum'."
            )
        self._given_cutoff = None if cutoff is None else float(cutoff)
        self.cutoff = self._find_reach()
        self._whole = not is_local or self._average != "off"

    def _find_reach(self) -> float:
        own, given = (
            dscribe_settings.find_cutoff(self._library, self._arguments),
            self._given_cutoff,
        )
        if own is None and given is None:
            raise ValueError(
                f"how far {self.name} sees is unknown; give cutoff in Å, for a molecule any length "
                "above its size."
            )
        if own is not None and given is not None:
            raise ValueError(
                f"{self.name} has a cutoff of {own:g} Å by its own r_cut; change r_cut, and leave "
                "cutoff out."
            )
        return float(given or own or 0.0)

    @property
    def name(self) -> str:
        """Name in tables and sentences."""
        return f"dscribe {self._kind.__name__}"

    @property
    def smooth(self) -> bool:
        """False for matrices with sorted rows, or if a kink or a jump was found on first use."""
        if "permutation" not in self._arguments:
            return True  # a jump of SOAP at its cutoff is one of the remarks
        unsorted = bool(self._arguments["permutation"] != "sorted_l2")
        return unsorted and (self.trust is None or self.trust.smooth)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Arguments of the descriptor, and the cutoff if it was given."""
        given = {"cutoff": self._given_cutoff} if self._given_cutoff is not None else {}
        return {key: value for key, value in self._arguments.items() if is_json(value)} | given

    @property
    def refinable(self) -> tuple[str, ...]:
        """Numbers of radial functions and of degrees of SOAP."""
        return ("n_max", "l_max") if self._is_soap else ()

    @cached_property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Sizes of the basis of SOAP that dscribe and rounding permit, and ranges of lengths."""
        if not self._is_soap:
            return {}
        most = dscribe_settings.largest_n_max(self._library, self._arguments)
        lengths = {"r_cut": (1.1, 12.0), "sigma": (0.05, 2.0)}
        return {"n_max": (1, most), "l_max": (0, 20), **lengths}

    @property
    def order(self) -> int | None:
        """2 for SOAP without average and compression, else None."""
        complete = self._is_soap and not self._whole and self._compression == "off"
        return 2 if complete else None

    @property
    def expansion(self) -> tuple[int, int] | None:
        """Number of radial functions and largest degree; None without an order."""
        return (self._arguments["n_max"], self._arguments["l_max"]) if self.order else None

    def with_settings(self, **changes: Any) -> Self:
        """Return an adapter of a new dscribe object with other arguments."""
        known = [*self._arguments, "cutoff"]
        if unknown := ", ".join(key for key in changes if key not in known):
            raise TypeError(
                f"{self.name} has no setting {unknown}; choose from {', '.join(known)}."
            )
        cutoff = changes.pop("cutoff", self._given_cutoff)
        return type(self)(self._kind(**{**self._arguments, **changes}), cutoff=cutoff)

    def python(self) -> tuple[str, str]:
        """Return the import lines, and the expression that creates the adapter."""
        kind, defaults = self._kind.__name__, signature(self._kind).parameters
        given = ", ".join(
            f"{key}={value!r}"
            for key, value in self._arguments.items()
            if value != defaults[key].default
        )
        rest = "" if self._given_cutoff is None else f", cutoff={self._given_cutoff!r}"
        lines = (
            f"from dscribe.descriptors import {kind}\nfrom sensitivity.descriptors import Dscribe"
        )
        return lines, f"Dscribe({kind}({given}){rest})"

    def __repr__(self) -> str:
        return self.python()[1]

    def count_features(self, atoms: Atoms) -> int:
        """Return the number of features, the same for every structure."""
        return int(self._library.get_number_of_features())

    def labels(self, atoms: Atoms | None = None) -> tuple[Label, ...]:
        """Return (species, n, species, n', l) of each feature of SOAP, and names of others."""
        return dscribe_settings.labels(self._library, self._arguments)

    @property
    def _is_soap(self) -> bool:
        return self._kind.__name__ == "SOAP"

    @property
    def _average(self) -> str:
        return str(self._arguments.get("average", "off"))

    @property
    def _compression(self) -> str:
        return str(self._arguments["compression"]["mode"])

    @property
    def _differentiates(self) -> bool:
        """True where dscribe has a right analytic derivative, although it may refuse to use it."""
        if self._kind.__name__ == "MBTR":
            return bool(self._library.validate_derivatives_method("auto") == "analytical")
        if not self._is_soap or self._arguments["rbf"] != "gto":
            return False
        weighted = "function" in (self._arguments["weighting"] or {})
        return not weighted and self._average != "inner" and self._compression != "mu1nu1"

    def _made(self, **changes: Any) -> Any:
        """Return a dscribe object with some arguments changed, if it takes them."""
        changes = {"sparse": False, "dtype": "float64"} | changes
        same = {key: changes.get(key, value) for key, value in self._arguments.items()}
        return self._kind(**same)

    @cached_property
    def _library(self) -> Any:
        return self._made()

    @cached_property
    def _molecular(self) -> Any:
        """The object without periodicity, with which dscribe refuses some molecules."""
        return self._made(periodic=False)

    def _for(self, atoms: Atoms) -> Any:
        return self._library if atoms.pbc.any() else self._molecular

    @cached_property
    def _enlarged(self) -> Any:
        """SOAP of a much larger density, without average."""
        own = self._arguments["compression"].get("species_weighting") or {}
        weights = {each: _ENLARGED * own.get(each, 1.0) for each in self._arguments["species"]}
        compression = {"mode": self._compression, "species_weighting": weights}
        return self._made(periodic=False, average="off", compression=compression)

    def _features(self, atoms: Atoms, centers: tuple[int, ...]) -> Array:
        self._check(atoms, centers)
        if self._average == "outer":
            rows = self._rows_of_soap(atoms, tuple(range(len(atoms))))
            return np.asarray(rows.mean(axis=0, keepdims=True))
        if self._whole:
            return self._create(atoms)[None]
        if self._is_soap:
            return self._rows_of_soap(atoms, centers)
        return self._create(atoms, centers=list(centers))

    def _create(self, atoms: Atoms, **options: Any) -> Array:
        return np.asarray(_call(self._for(atoms).create, _bare(atoms), **options))

    def _rows_of_soap(self, atoms: Atoms, centers: tuple[int, ...]) -> Array:
        found = [
            self._enlarged.create(near.molecule, centers=near.places) * _REDUCED
            for near in find_clusters(atoms, centers, cutoff=self.cutoff)
        ]
        return np.asarray(np.concatenate(found))

    def _gradients(self, atoms: Atoms, centers: tuple[int, ...]) -> tuple[Batch, ...]:
        self._check(atoms, centers)
        neighbor_pairs(atoms, 1.0)  # refuses atoms at one place; not for each difference
        if not self._differentiates:
            return super()._gradients(atoms, centers)
        if not self._is_soap:
            slopes, row = _call(self._for(atoms).derivatives, _bare(atoms), method="analytical")
            return (_batch(centers, np.arange(len(atoms)), slopes[None], row[None]),)
        if self._average == "off":
            return tuple(self._batches_of_soap(atoms, centers))
        every = tuple(range(len(atoms)))
        slopes = np.zeros((len(atoms), 3, self.count_features(atoms)))
        for batch in self._batches_of_soap(atoms, every):
            slopes[batch.atoms[0]] += batch.gradient.sum(axis=0).transpose(1, 2, 0) / len(atoms)
        return (_batch(centers, np.array(every), slopes[None], self._features(atoms, centers)),)

    def _batches_of_soap(self, atoms: Atoms, centers: tuple[int, ...]) -> Iterator[Batch]:
        for near in find_clusters(atoms, centers, cutoff=self.cutoff):
            every = np.arange(len(near.source))
            slopes, rows = self._enlarged.derivatives_single(
                near.molecule, near.places, every, method="analytical", attach=True
            )
            yield _batch(near.centers, *near.fold(slopes), rows, factor=_REDUCED)

    def _check(self, atoms: Atoms, centers: tuple[int, ...]) -> None:
        """Refuse what dscribe refuses in other words, or would take for something else."""
        if self._whole and len(centers) > 1:
            raise ValueError(
                f"{self.name} has one row of features for the whole structure, and {len(centers)} "
                "centers were chosen; choose one of them, such as atom 0."
            )
        if "species" in self._arguments:
            self._check_species(set(atoms.numbers.tolist()))
        most = self._arguments.get("n_atoms_max", len(atoms))
        if len(atoms) > most:
            raise ValueError(
                f"{self.name} was made for at most {most} atoms, and the structure has "
                f"{len(atoms)}; increase n_atoms_max."
            )
        self._check_periodicity(atoms)

    def _check_species(self, present: set[int]) -> None:
        known = dscribe_settings.symbols(self._arguments)
        unknown = [chemical_symbols[number] for number in sorted(present)]
        if unknown := [symbol for symbol in unknown if symbol not in known]:
            raise ValueError(
                f"{self.name} was made for {', '.join(known)} only, and the structure has "
                f"{', '.join(unknown)}; add {'it' if len(unknown) == 1 else 'them'} to species."
            )

    def _check_periodicity(self, atoms: Atoms) -> None:
        if self._kind.__name__ in ("SineMatrix", "EwaldSumMatrix"):
            if not atoms.pbc.all():
                raise ValueError(
                    f"{self.name} is for crystals, and the structure is not periodic in three "
                    "directions; choose CoulombMatrix for a molecule."
                )
        elif atoms.pbc.any() and not self._arguments.get("periodic"):
            remedy = "set periodic=True" if "periodic" in self._arguments else "choose SineMatrix"
            raise ValueError(
                f"{self.name} does not see periodic images, and the structure is periodic; "
                f"{remedy}, or remove the periodicity with atoms.pbc = False."
            )


def _find_locality(descriptor: Any) -> bool:
    """Return True for a descriptor of centers, and refuse what is none of dscribe."""
    with required("dscribe"):
        from dscribe.descriptors.descriptor import Descriptor
        from dscribe.descriptors.descriptorlocal import DescriptorLocal
    if not isinstance(descriptor, Descriptor):
        raise TypeError(
            "descriptor must be one of dscribe, such as SOAP(species=['C', 'H'], r_cut=4.0, "
            f"n_max=6, l_max=6), got {type(descriptor).__name__}."
        )
    return isinstance(descriptor, DescriptorLocal)


def _call(function: Any, *arguments: Any, **options: Any) -> Any:
    try:
        return function(*arguments, **options)
    except TypeError as error:
        if "momenta" not in str(error):
            raise
        raise ImportError(
            "MBTR, LMBTR and SineMatrix of this version of dscribe do not work with ASE "
            f'{ase_version}; pip install "ase<3.27".'
        ) from error


def _bare(atoms: Atoms) -> Atoms:
    """Return a copy without anything else, and with three cell vectors if it is periodic."""
    cell = complete_cell(atoms.cell) if atoms.pbc.any() else None
    return Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=cell, pbc=atoms.pbc)


def _batch(
    centers: Sequence[int], atoms: Indices, slopes: Array, features: Array, *, factor: float = 1.0
) -> Batch:
    """Return a batch from slopes of shape (centers, atoms, 3, features), times a factor."""
    every = np.tile(atoms, (len(centers), 1))
    slopes *= factor  # in place: another large array would take a third of the time of dscribe
    return Batch(np.array(centers), every, features * factor, slopes.transpose(0, 3, 1, 2))
