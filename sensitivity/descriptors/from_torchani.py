"""Atomic environment vectors of TorchANI."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any, Self

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from sensitivity.descriptors.automatic_torch import AutomaticTorch, Map
from sensitivity.descriptors.orders import list_species
from sensitivity.descriptors.packages import required
from sensitivity.descriptors.protocol import Label
from sensitivity.numerics import check_real
from sensitivity.structures import neighbor_pairs

# Those of ANI-2x, with the names that TorchANI gives them.
_USUAL: Mapping[str, float] = {
    "radial_start": 0.8,
    "radial_cutoff": 5.1,
    "radial_eta": 19.7,
    "radial_num_shifts": 16,
    "angular_start": 0.8,
    "angular_cutoff": 3.5,
    "angular_eta": 12.5,
    "angular_zeta": 14.1,
    "angular_num_shifts": 8,
    "angular_num_sections": 4,
}


class Aev(AutomaticTorch):
    """Atomic environment vectors (AEV), the features of the ANI potentials, of TorchANI.

    For each species, sums over neighbours of Gaussians of the distance; for each two species, sums
    over two neighbours of Gaussians of their mean distance times powers of the cosine of half the
    deviation of their angle from the middle of a sector: J. S. Smith, O. Isayev, A. E. Roitberg,
    Chem. Sci. 8, 3192 (2017), doi 10.1039/C6SC05720A. Two neighbours are correlated, so the order
    is 2; the cutoff of angles is shorter than that of distances. The features are invariant under
    O(3), and computed in double precision. TorchANI rounds the constants, such as the centers of
    Gaussians and sectors, to single precision first; they are left so, as the potentials have them.
    With exact ones the features differ by 1e-7 of their norm; no invariance does.

    Gaussians and cutoff functions have tails, so the singular values of one center whose neighbours
    are near the cutoff, as in a crystal without symmetry, decrease without a gap. Its rank then
    depends on the threshold; that of all centers of the crystal does not.

    Parameters
    ----------
    species
        Chemical symbols or atomic numbers of the neighbours that are distinguished; by default
        those of the structure. TorchANI's models have H, C, N, O, S, F and Cl.
    **settings
        Arguments of TorchANI's ``AEVComputer.like_2x``, whose defaults are those of ANI-2x:
        ``radial_start``, ``radial_cutoff``, ``radial_eta``, ``radial_num_shifts``, and the same for
        ``angular``, with ``angular_zeta`` and ``angular_num_sections``. Lengths are in Å.

    Raises
    ------
    ImportError
        If torchani is missing.
    TypeError, ValueError
        If there is no such species or setting, or it has a wrong value; later, if a structure has
        other species.

    Examples
    --------
    >>> from sensitivity import diagnose, structures
    >>> from sensitivity.descriptors.from_torchani import Aev
    >>> few, many = Aev(angular_num_sections=4), Aev(angular_num_sections=8)
    >>> [diagnose(structures.load("X+"), each, centers=[0]).counts["truncation"]
    ...  for each in (few, many)]
    [1, 0]
    """

    cutoff: float
    inversion_invariant = True
    order = 2
    refinable = ("radial_num_shifts", "angular_num_shifts", "angular_num_sections")
    limits: Mapping[str, tuple[float, float]] = {
        "radial_num_shifts": (1, 64),
        "angular_num_shifts": (1, 32),
        "angular_num_sections": (1, 32),
        "radial_cutoff": (1.0, 12.0),
        "angular_cutoff": (1.0, 12.0),
    }

    def __init__(self, *, species: Iterable[str | int] | None = None, **settings: float) -> None:
        with required("torchani"):
            _import()
        unknown = ", ".join(key for key in settings if key not in _USUAL)
        if unknown:
            raise TypeError(f"Aev has no setting {unknown}; choose from {', '.join(_USUAL)}.")
        self.species = None if species is None else _symbols(species)
        self._settings = {**_USUAL, **settings}
        for key, value in self._settings.items():
            check_real(value, key, "above 0", accepts=lambda x: 0 < x < np.inf)
            if key in self.refinable and (value != int(value) or value > self.limits[key][1]):
                raise ValueError(
                    f"{key} must be a whole number up to {self.limits[key][1]:g}, got {value!r}."
                )
        for kind in ("radial", "angular"):
            start, end = self._settings[f"{kind}_start"], self._settings[f"{kind}_cutoff"]
            if start >= end:
                raise ValueError(
                    f"{kind}_start must be below {kind}_cutoff, {end:g} Å, got {start:g} Å."
                )
        self.cutoff = float(self._settings["radial_cutoff"])
        if self._settings["angular_cutoff"] >= self.cutoff:
            raise ValueError(
                f"angular_cutoff must be below radial_cutoff, {self.cutoff:g} Å, got "
                f"{self._settings['angular_cutoff']:g} Å."
            )

    @property
    def name(self) -> str:
        """Name in tables and sentences."""
        return "TorchANI AEV"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Species and arguments of ``AEVComputer.like_2x``."""
        return {"species": self.species and list(self.species), **self._settings}

    def with_settings(self, **changes: Any) -> Self:
        """Return the descriptor with other settings."""
        return type(self)(**{**self.settings, **changes})

    def python(self) -> tuple[str, str]:
        """Return the import line, and the expression that creates the adapter."""
        return "from sensitivity.descriptors import Aev", repr(self)

    def __repr__(self) -> str:
        changed = {key: value for key, value in self._settings.items() if value != _USUAL[key]}
        given = {"species": list(self.species), **changed} if self.species else changed
        return f"Aev({', '.join(f'{key}={value!r}' for key, value in given.items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (dict(self.settings),)

    def labels(self, atoms: Atoms | None = None) -> tuple[Label, ...]:
        """Return (species, shift) of distances, and (species, species', shift, sector) of angles.

        Shifts and sectors are numbered from 0.
        """
        if atoms is None and self.species is None:
            raise ValueError(
                "the features of Aev depend on the species; pass labels() a structure."
            )
        species = self._species_of(atoms)
        shells, shifts, sections = (int(self._settings[key]) for key in self.refinable)
        radial = [(one, n) for one in species for n in range(shells)]
        angular = [
            (*pair, n, sector)
            for pair in combinations_with_replacement(species, 2)
            for n in range(shifts)
            for sector in range(sections)
        ]
        return (*radial, *angular)

    def _species_of(self, atoms: Atoms | None) -> tuple[str, ...]:
        """Return the species that are distinguished; a ValueError names others of a structure."""
        present = () if atoms is None else _symbols(np.unique(atoms.numbers).tolist())
        known = self.species or present
        if unknown := [symbol for symbol in present if symbol not in known]:
            raise ValueError(
                f"{self.name} distinguishes {', '.join(known)}, and the structure has "
                f"{', '.join(unknown)}; add them to species."
            )
        return known

    def _map(self, atoms: Atoms, centers: tuple[int, ...]) -> Map:
        import torch
        from torchani.neighbors import Neighbors

        species = self._species_of(atoms)
        places = [species.index(chemical_symbols[number]) for number in atoms.numbers]
        kinds = torch.tensor([places])  # dense indices, not atomic numbers
        computer = self._computers[len(species)]
        pairs, rows = neighbor_pairs(atoms, self.cutoff), list(centers)
        # Each pair once: of two images of the center itself, the one with the larger x, y or z.
        forward = pairs.vectors[:, ::-1] @ np.array([1e-12, 1e-6, 1.0]) > 0
        once = (pairs.i < pairs.j) | ((pairs.i == pairs.j) & forward)
        i, j = pairs.i[once], pairs.j[once]
        ends = torch.tensor(np.stack([j, i]))
        shifts = torch.tensor(pairs.vectors[once] - (atoms.positions[j] - atoms.positions[i]))

        def features(positions: Any) -> Any:
            vectors = positions[ends[0]] - positions[ends[1]] + shifts
            lengths = torch.linalg.vector_norm(vectors, dim=1)
            near = Neighbors(ends, lengths, vectors)
            return computer.compute_from_neighbors(kinds, positions[None], near)[0, rows]

        return features

    @cached_property
    def _computers(self) -> _Computers:
        return _Computers(self._settings)


class _Computers(dict[int, Any]):
    """TorchANI's computers for each number of species, made on first use."""

    def __init__(self, settings: Mapping[str, float]) -> None:
        super().__init__()
        self._arguments = {
            key: int(value) if "_num_" in key else value for key, value in settings.items()
        }

    def __missing__(self, count: int) -> Any:
        made = _import().AEVComputer.like_2x(num_species=count, **self._arguments)
        self[count] = made.double().eval()
        return self[count]


def _import() -> Any:
    """Import torchani, which warns of extensions for GPUs that are missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torchani.aev
    return torchani.aev


def _symbols(species: Iterable[str | int]) -> tuple[str, ...]:
    """Return chemical symbols; a TypeError or ValueError names what is no element."""
    numbers = list_species(species)
    if 0 in numbers:
        raise ValueError(
            "species must be elements, got 0, the dummy atom X; leave it out, or remove such atoms."
        )
    return tuple(chemical_symbols[number] for number in numbers)


def _again(settings: dict[str, Any]) -> Aev:
    return Aev(**settings)
