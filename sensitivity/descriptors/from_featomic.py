"""Descriptors of featomic."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import combinations_with_replacement, product
from typing import Any, NamedTuple, Self

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from sensitivity.descriptors.adapter import Adapter
from sensitivity.descriptors.batches import Batch
from sensitivity.descriptors.featomic_settings import (
    PLACES,
    list_properties,
    look_up,
    select_distinct,
)
from sensitivity.descriptors.orders import find_species
from sensitivity.descriptors.packages import required
from sensitivity.descriptors.protocol import Label
from sensitivity.numerics import Array, Indices
from sensitivity.progress import checkpoint
from sensitivity.structures import neighbor_pairs

_ORDERS = {"soap_radial_spectrum": 1, "soap_power_spectrum": 2}
_ATOMS = 500  # of the structures of a call: more are not faster, and need memory
_CLASSES = {1: "SoapRadialSpectrum", 2: "SoapPowerSpectrum"}


class _Part(NamedTuple):
    """The features of some centers for some species of neighbours."""

    rows: Indices  # (samples,): of the centers
    columns: slice  # of the features
    block: Any  # without the second of two equal features
    places: Indices | None  # of the features in the block; None if they are the same

    def expand(self, values: Array) -> Array:
        """Return values of all features from those in the block, along the last axis."""
        return np.asarray(values if self.places is None else values.take(self.places, axis=-1))

    def slopes(self) -> tuple[slice, Indices, Indices, Array]:
        """Return columns, and of each pair the row, the moved atom, and slopes (pairs, 3, size)."""
        gradient = self.block.gradient("positions")
        samples = np.asarray(gradient.samples.values)  # [(sample, system, atom)]
        values = self.expand(np.asarray(gradient.values))
        return self.columns, self.rows[samples[:, 0]], samples[:, 2], values


class Featomic(Adapter):
    """The radial or the power spectrum of featomic.

    A center has one feature for each species, or pair of species, of neighbours and each property
    of featomic, in this order; zeros if there is no such neighbour. featomic's gradients are
    analytic. By default it interpolates radial functions with an error of 1e-8; set
    ``spline_accuracy=None`` in its basis for gradients that agree with the features to rounding.

    Parameters
    ----------
    calculator
        ``SoapRadialSpectrum`` or ``SoapPowerSpectrum``.
    species
        Atomic numbers or symbols of the neighbours; None takes those of each structure.

    Raises
    ------
    ImportError
        If featomic is missing.
    TypeError, ValueError
        If it is no such calculator, or a species is unknown.

    Examples
    --------
    >>> from featomic import SoapPowerSpectrum
    >>> from sensitivity import diagnose, structures
    >>> from sensitivity.descriptors import Featomic
    >>> soap = SoapPowerSpectrum(
    ...     cutoff={"radius": 4.0, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
    ...     density={"type": "Gaussian", "width": 0.3},
    ...     basis={
    ...         "type": "TensorProduct",
    ...         "max_angular": 6,
    ...         "radial": {"type": "Gto", "max_radial": 5},
    ...         "spline_accuracy": None,
    ...     },
    ... )
    >>> diagnose(structures.load("NH3"), Featomic(soap)).counts["sensitive"]
    6
    """

    inversion_invariant = True
    cutoff: float
    order: int

    def __init__(self, calculator: Any, *, species: Iterable[int | str] | None = None) -> None:
        _check_kind(calculator)
        self.calculator = calculator
        self.species = None if species is None else find_species(species)
        self.order = _ORDERS[calculator.c_name]
        self._parameters = json.loads(calculator.parameters)
        self._parameters["density"].setdefault("center_atom_weight", 1.0)  # as featomic
        self.cutoff = float(self._parameters["cutoff"]["radius"])
        self._properties = list_properties(self._parameters["basis"], self.order)
        # Of like neighbours, (l, n, n') and (l, n', n) are equal: one of them is computed.
        self._unique = [each for each in self._properties if list(each[1:]) == sorted(each[1:])]
        place = {each: number for number, each in enumerate(self._unique)}
        self._places = np.array([place[l, *sorted(ns)] for l, *ns in self._properties])
        self._selections: dict[tuple[int, ...], Any] = {}

    @property
    def name(self) -> str:
        """Name in tables and sentences."""
        return f"featomic {_CLASSES[self.order]}"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings that can be changed, with the names of the native descriptor."""
        found = {name: look_up(self._parameters, place) for name, place in PLACES.items()}
        known = {name: value for name, value in found.items() if value is not None}
        if "n_max" in known:
            known["n_max"] += 1
        return known | {"species": self.species}

    @property
    def refinable(self) -> tuple[str, ...]:
        """Numbers of radial functions and of degrees, unless each degree has its own functions."""
        return tuple(name for name in ("n_max", "l_max") if name in self.settings)

    @property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Sizes of the basis for which featomic is accurate, and plausible ranges of lengths."""
        sizes, known = {"n_max": (1, 15), "l_max": (0, 16)}, self.settings
        lengths = {"cutoff": (1.0, 12.0), "smearing": (0.05, 2.0)}
        return {name: ends for name, ends in (sizes | lengths).items() if name in known}

    @property
    def expansion(self) -> tuple[int, int] | None:
        """Number of radial functions and largest degree, if all degrees have the same functions."""
        known = self.settings
        return (known["n_max"], known.get("l_max", 0)) if "n_max" in known else None

    def with_settings(self, **changes: Any) -> Self:
        """Return an adapter of a new calculator with other settings."""
        known = self.settings
        if unknown := ", ".join(name for name in changes if name not in known):
            raise TypeError(
                f"{self.name} has no setting {unknown}; choose from {', '.join(known)}."
            )
        species, parameters = changes.pop("species", self.species), deepcopy(self._parameters)
        for name, value in changes.items():
            *path, last = PLACES[name]
            look_up(parameters, path)[last] = value - 1 if name == "n_max" else value
        return type(self)(type(self.calculator)(**parameters), species=species)

    def python(self) -> tuple[str, str]:
        """Return the import lines, and the expression that creates the adapter."""
        kind = _CLASSES[self.order]
        given = ", ".join(f"{key}={value!r}" for key, value in self._parameters.items())
        rest = "" if self.species is None else f", species={self.species!r}"
        lines = f"from featomic import {kind}\nfrom sensitivity.descriptors import Featomic"
        return lines, f"Featomic({kind}({given}){rest})"

    def __repr__(self) -> str:
        return self.python()[1]

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (type(self), self.order, self._parameters, self.species)

    def count_features(self, atoms: Atoms) -> int:
        """Return the number of features of a center of this structure."""
        return len(self._neighbors(atoms)) * len(self._properties)

    def labels(self, atoms: Atoms | None = None) -> tuple[Label, ...]:
        """Return (species, n) or (species, n, species, n', l) of each feature."""
        if atoms is None and self.species is None:
            return super().labels(atoms)
        kinds = ([chemical_symbols[z] for z in each] for each in self._neighbors(atoms))
        if self.order == 1:
            return tuple((symbol, n) for (symbol,), (n,) in product(kinds, self._properties))
        return tuple((a, n, b, m, l) for (a, b), (l, n, m) in product(kinds, self._properties))

    def _neighbors(self, atoms: Atoms | None) -> list[tuple[int, ...]]:
        """Return the species, or pairs of species, of neighbours that have features."""
        known = self.species or (() if atoms is None else np.unique(atoms.numbers).tolist())
        return list(combinations_with_replacement(sorted(known), self.order))

    def _features(self, atoms: Atoms, centers: tuple[int, ...]) -> Array:
        (rows,) = self._rows([atoms], [centers])
        return rows

    def _answers(
        self, structures: Sequence[Atoms], centers: Sequence[tuple[int, ...]]
    ) -> list[Array]:
        found = list[Array]()
        for part in self._at_once(structures):
            with self._enough_memory():
                found += self._rows(structures[part], centers[part])
        counts = map(len, centers)
        return [self._checked(*pair) for pair in zip(found, counts, strict=True)]

    def _at_once(self, structures: Sequence[Atoms]) -> Iterator[slice]:
        """Yield parts of the structures that are computed in one call."""
        step = max(1, _ATOMS // max(map(len, structures)))
        for start in range(0, len(structures), step):
            yield slice(start, start + step)

    def _rows(self, structures: Sequence[Atoms], centers: Sequence[tuple[int, ...]]) -> list[Array]:
        """Return the features of the centers of each structure, all of the same elements."""
        parts = list(self._parts(structures, centers))
        ends = np.cumsum([len(each) for each in centers])
        return np.split(self._stack(parts, structures[0], int(ends[-1])), ends[:-1])

    def _stack(self, parts: list[_Part], atoms: Atoms, count: int) -> Array:
        out = np.zeros((count, self.count_features(atoms)))
        for part in parts:
            out[part.rows, part.columns] = part.expand(np.asarray(part.block.values))
        return out

    def _gradients(self, atoms: Atoms, centers: tuple[int, ...]) -> tuple[Batch, ...]:
        (found,) = self._gradients_of_copies([atoms], centers)
        return found

    def _gradients_of_copies(
        self, copies: Sequence[Atoms], centers: tuple[int, ...]
    ) -> list[tuple[Batch, ...]]:
        found = list[tuple[Batch, ...]]()
        for part in self._at_once(copies):
            checkpoint()
            found += self._differentiated(copies[part], centers)
        return found

    def _differentiated(
        self, copies: Sequence[Atoms], centers: tuple[int, ...]
    ) -> list[tuple[Batch, ...]]:
        """Return features and gradients of copies of a structure, from one call."""
        every = np.tile(centers, len(copies))  # [row]: copy by copy
        parts = list(self._parts(copies, [centers] * len(copies), gradients=["positions"]))
        features = self._stack(parts, copies[0], len(every))
        slopes = [part.slopes() for part in parts]
        seen = np.zeros((len(every), len(copies[0])), dtype=bool)
        seen[np.arange(len(every)), every] = True
        for _, rows, others, _ in slopes:
            seen[rows, others] = True
        counts, column = seen.sum(axis=1), np.cumsum(seen, axis=1) - 1
        batches: list[list[Batch]] = [[] for _ in copies]
        for count in np.unique(counts).tolist():
            of = np.flatnonzero(counts == count)
            place = np.full(len(every), -1)
            place[of] = np.arange(len(of))
            gradient = np.zeros((len(of), count, 3, features.shape[1]))
            for columns, rows, others, values in slopes:
                mine = slice(None) if len(of) == len(every) else place[rows] >= 0
                at = place[rows[mine]], column[rows[mine], others[mine]]
                gradient[(*at, slice(None), columns)] = values[mine]
            near = np.nonzero(seen[of])[1].reshape(len(of), count)
            arrays = every[of], near, features[of], gradient.transpose(0, 3, 1, 2)
            edges = np.searchsorted(of, len(centers) * np.arange(1, len(copies)))
            for own, *each in zip(batches, *(np.split(x, edges) for x in arrays), strict=True):
                if len(each[0]):
                    own.append(Batch(*each))
        return list(map(tuple, batches))

    def _parts(
        self, structures: Sequence[Atoms], centers: Sequence[tuple[int, ...]], **options: Any
    ) -> Iterator[_Part]:
        """Yield the features of centers, numbered structure by structure, from one call."""
        from metatensor import Labels

        for atoms in structures:
            self._check(atoms)
        options["selected_properties"] = self._select(
            tuple(np.unique(structures[0].numbers).tolist())
        )
        chosen = np.array([(n, each) for n, own in enumerate(centers) for each in own])
        if len(chosen) < sum(map(len, structures)):
            options["selected_samples"] = Labels(["system", "atom"], chosen)
        tensor = self.calculator.compute(list(map(_bare, structures)), **options)
        size, most = len(self._properties), max(map(len, structures))
        place = np.empty((len(structures), most), dtype=np.intp)
        place[tuple(chosen.T)] = np.arange(len(chosen))
        starts = {kind: size * n for n, kind in enumerate(self._neighbors(structures[0]))}
        for number, (_, *kind) in enumerate(tensor.keys.values.tolist()):
            block, start = tensor.block(number), starts[tuple(kind)]
            rows = place[tuple(np.asarray(block.samples.values).T)]
            like = self._places if self.order == 2 and kind[0] == kind[1] else None
            yield _Part(rows, slice(start, start + size), block, like)

    def _select(self, species: tuple[int, ...]) -> Any:
        """Return featomic's selection of distinct properties; None for all."""
        if self.order == 1:
            return None
        if species not in self._selections:
            self._selections[species] = select_distinct(species, self._properties, self._unique)
        return self._selections[species]

    def _check(self, atoms: Atoms) -> None:
        neighbor_pairs(atoms, 1.0)  # refuses atoms at one place, where gradients are not numbers
        present = set(atoms.numbers.tolist())
        if self.species is not None and (unknown := sorted(present - set(self.species))):
            others, known = (
                ", ".join(chemical_symbols[number] for number in numbers)
                for numbers in (unknown, self.species)
            )
            raise ValueError(
                f"the species of {self.name} are {known}, and the structure has {others}; add "
                f"{'it' if len(unknown) == 1 else 'them'} to species, or leave species=None."
            )
        if atoms.pbc.any() and not atoms.pbc.all():
            raise ValueError(
                f"featomic treats a structure as periodic in all directions or in none, got pbc "
                f"{atoms.pbc.tolist()}; use a cell with vacuum that is periodic in all, or the "
                "native descriptor."
            )


def _check_kind(calculator: Any) -> None:
    with required("featomic"):
        from featomic.calculators import CalculatorBase
    if not isinstance(calculator, CalculatorBase) or calculator.c_name not in _ORDERS:
        raise TypeError(
            "calculator must be featomic's SoapRadialSpectrum or SoapPowerSpectrum, whose features "
            f"are invariant and smooth, got {type(calculator).__name__}."
        )


def _remake(kind: type[Featomic], order: int, parameters: dict[str, Any], species: Any) -> Featomic:
    """Return a copy, such as in another process."""
    import featomic

    return kind(getattr(featomic, _CLASSES[order])(**parameters), species=species)


def _bare(atoms: Atoms) -> Atoms:
    """Return a copy without a cell unless it is periodic, about which featomic would warn."""
    cell = atoms.cell if atoms.pbc.any() else None
    return Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=cell, pbc=atoms.pbc)
