"""Density correlations: the native descriptor."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import accumulate
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from sensitivity.descriptors import orders
from sensitivity.descriptors.batches import Batch, Centers
from sensitivity.descriptors.correlations import Basis, ContractedChannels, Correlation, mixture
from sensitivity.descriptors.expansion import Density
from sensitivity.descriptors.labels import name_channels, name_features, name_mixed_channels
from sensitivity.descriptors.like_centers import LikeCenters, like_gradients
from sensitivity.descriptors.like_gradients import LikeGradients
from sensitivity.descriptors.neighborhoods import Neighborhoods, neighborhoods, stack
from sensitivity.descriptors.power_spectrum import like_products
from sensitivity.descriptors.protocol import Descriptor, Label, plain
from sensitivity.descriptors.radial import (
    BASES,
    GaussianTypeOrbitals,
    RadialBasis,
    check_smearing,
    radial_functions,
)
from sensitivity.memory import require_memory
from sensitivity.numerics import Array, Indices, takes_centers
from sensitivity.structures import check_centers


@dataclass(frozen=True)
class DensityCorrelations(Descriptor):
    """Invariant correlations of the neighbour density of a center.

    The density of the neighbours of each species is expanded in radial functions and spherical
    harmonics, and ``order`` expansion coefficients are contracted to invariants: order 1 sees
    distances, order 2 is the SOAP power spectrum, order 3 the bispectrum, order 4 the trispectrum.
    Values, signs and factors of orders 1 and 2 with Gaussian-type orbitals are those of featomic.
    Of features that are equal by exchange of factors, one is kept; order 4 keeps none that is a
    sum of others.

    The correlated channels are species times radial functions. With Q channels, order 2 has about
    Q²/2 features for each degree, order 3 up to Q³ and order 4 up to Q⁴ for each combination of
    degrees. Order 4 allows at most 1 000 000 per center; use ``contract_channels`` to stay below.

    Willatt, Musil, Ceriotti, J. Chem. Phys. 150, 154110 (2019), doi 10.1063/1.5090481.

    Attributes
    ----------
    order
        Number of neighbours correlated with the center: 1, 2, 3 or 4.
    cutoff
        Radius of the environment in Å.
    n_max
        Number of radial functions, at least 1; at most 15 Gaussian-type orbitals, else 64.
    l_max
        Largest degree of the spherical harmonics, at least 0; at order 4 at most 12.
    smearing
        Width of the Gaussian density of an atom in Å; 0 for a delta function.
    basis
        Radial basis: ``GaussianTypeOrbitals()`` or ``SphericalBessel()``.
    cutoff_width
        The density decays to zero over this distance before the cutoff, in Å. None takes 0.5 Å,
        or half the cutoff if that is less.
    center_weight
        Weight of the center's own density.
    parity_odd
        At orders 3 and 4, add the invariants that change sign under inversion. The descriptor is
        then invariant to proper rotations only.
    species
        Atomic numbers or symbols of the channels; None takes those of each structure.
    contract_channels
        Number of channels after mixing, before they are correlated; None leaves them unmixed. The
        mixture is fixed and random: an orthogonal matrix, or a part of one, for each species, the
        same in every structure and for all degrees. The number of features then depends neither on
        n_max nor on the species. Fewer channels see less; the rank of a given structure shows
        whether they suffice.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, structures
    >>> descriptor = DensityCorrelations(order=2, cutoff=3.0, n_max=4, l_max=4)
    >>> descriptor.features(structures.load("CH4"), centers=[0]).shape
    (1, 180)
    """

    order: int = 2
    cutoff: float = 3.5
    n_max: int = 6
    l_max: int = 6
    smearing: float = field(default=0.3, kw_only=True)
    basis: RadialBasis = field(default=GaussianTypeOrbitals(), kw_only=True)
    cutoff_width: float | None = field(default=None, kw_only=True)
    center_weight: float = field(default=0.0, kw_only=True)
    parity_odd: bool = field(default=False, kw_only=True)
    species: tuple[int, ...] | None = field(default=None, kw_only=True)
    contract_channels: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        orders.check_arguments(vars(self))
        if self.species is not None:
            object.__setattr__(self, "species", orders.find_species(self.species))
        # The radial functions, are built on first use, because many take seconds.
        check_smearing(self.smearing, cutoff=self.cutoff)

    @property
    def inversion_invariant(self) -> bool:
        """True if a mirror image has the same features."""
        return not self.parity_odd

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings as JSON values; three rarely used ones only if changed."""
        rare = ("cutoff_width", "center_weight", "species")
        return {
            key: _name_basis(value) if key == "basis" else plain(value)
            for key, value in vars(self).items()
            if key not in rare or value != getattr(type(self), key)
        }

    @property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Allowed ranges for this basis and order, and plausible ranges of lengths."""
        return {
            "order": (1, orders.LARGEST_ORDER),
            "n_max": (1, orders.largest_n_max(self.basis)),
            "l_max": (0, orders.largest_l_max(self.order)),
            "cutoff": (1.0, 12.0),
            "smearing": (0.0, 2.0),
        }

    @property
    def refinable(self) -> tuple[str, ...]:
        """Numbers of radial functions and of degrees."""
        return ("n_max", "l_max")

    def with_settings(self, **changes: Any) -> DensityCorrelations:
        """Return the descriptor with other settings; ``basis`` may be "gto" or "bessel"."""
        if isinstance(changes.get("basis"), str):
            changes["basis"] = BASES.get(changes["basis"], changes["basis"])
        if unknown := ", ".join(sorted(set(changes) - set(vars(self)))):
            known = ", ".join(vars(self))
            raise TypeError(f"DensityCorrelations has no setting {unknown}; choose from {known}.")
        return replace(self, **changes)

    def python(self) -> tuple[str, str]:
        """Return the import lines, and the expression, with the settings that are not defaults."""
        given = ", ".join(
            f"{each.name}={plain(value)!r}"
            for each in fields(self)
            if (value := getattr(self, each.name)) != each.default or not each.kw_only
        )
        lines, kind = "from sensitivity import DensityCorrelations", type(self.basis)
        if self.basis != GaussianTypeOrbitals():
            module = "sensitivity" if self.basis in BASES.values() else kind.__module__
            lines += f"\nfrom {module} import {kind.__name__}"
        return lines, f"DensityCorrelations({given})"

    def larger_basis(self) -> DensityCorrelations | None:
        """Return the descriptor with 2 more functions, degrees and mixed channels; or None."""
        n_max = max(self.n_max, min(self.n_max + 2, orders.largest_n_max(self.basis)))
        l_max = min(self.l_max + 2, orders.largest_l_max(self.order))
        if (n_max, l_max) == (self.n_max, self.l_max):
            return None
        channels = self.contract_channels
        more = None if channels is None else min(channels + 2, orders.largest_n_max())
        return replace(self, n_max=n_max, l_max=l_max, contract_channels=more)

    def higher_order(self) -> DensityCorrelations | None:
        """Return correlations of one more neighbour; None at the highest order.

        The basis is reduced to an affordable size at that order, which suffices to see what the
        lower order misses, and has angular functions even if order 1 had none.
        """
        if self.order == orders.LARGEST_ORDER:
            return None
        order = self.order + 1
        n_max, l_max, channels = orders.affordable_basis(order, self.n_max, self.l_max)
        return replace(self, order=order, n_max=n_max, l_max=l_max, contract_channels=channels)

    def of_order(self, order: int) -> Descriptor | None:
        """Return the correlations of another order; None if it is not available.

        A higher order uses an affordable basis, a lower one keeps the basis.
        """
        if not 1 <= order <= self.order:
            return super().of_order(order)
        if order >= 3:
            return replace(self, order=order)
        return replace(self, order=order, parity_odd=False, contract_channels=None)

    @property
    def expansion(self) -> tuple[int, int] | None:
        """Number of radial functions and largest degree; None if channels are mixed."""
        return None if self.contract_channels is not None else (self.n_max, self.l_max)

    def neighbor_densities(self, row: Array, numbers: Sequence[int]) -> Mapping[int, Array] | None:
        """Return the coefficients c_n of degree 0 of each species, up to a sign.

        Order 1 has them directly, order 2 has their products; others are not read.
        """
        if self.order > 2 or self.contract_channels is not None or self.center_weight:
            return None
        species = self.species or tuple(sorted(set(numbers)))
        if self.order == 1:
            return dict(zip(species, row.reshape(len(species), -1), strict=True))
        products = like_products(row, Basis(len(species), self.n_max, self.l_max))
        return dict(zip(species, map(_square_root, products), strict=True))

    def neighbor_curve(self, lengths: Array) -> Array:
        """Return the coefficients of degree 0 of one neighbour, from pairs of atoms far apart."""
        places = np.zeros((len(lengths), 2, 3))
        places[:, :, 0] = 10 * self.cutoff * np.arange(len(lengths))[:, None]
        places[:, 1, 1] = lengths
        pairs = Atoms(f"H{2 * len(lengths)}", places.reshape(-1, 3))
        radial = replace(self, order=1, species=(1,), parity_odd=False)
        return radial.features(pairs, centers=range(0, len(pairs), 2))

    def like_gradients(
        self, vectors: Array, numbers: Indices, *, species: Collection[int]
    ) -> Iterator[tuple[slice, LikeGradients]] | None:
        """Return the gradients of environments that differ only in the names of their species.

        None if features depend on these names, at order 4, and if there is no neighbour.

        Raises ValueError if a species has no channel.
        """
        depends = self.center_weight or self.contract_channels is not None
        if depends or self.order == orders.LARGEST_ORDER or not numbers.size:
            return None
        self._channels(Atoms(numbers=sorted(species)))
        kinds = np.zeros_like(numbers)
        kinds[:, 1:] = (numbers[:, 1:] != numbers[:, :-1]).cumsum(axis=1)
        names = tuple(range(1, int(kinds.max()) + 2))
        density = replace(self._density(Atoms()), species=names)
        return like_gradients(
            vectors, kinds, density, lambda count: self._correlation(names[:count])
        )

    def count_features(self, atoms: Atoms) -> int:
        """Return the number of features of one center of this structure."""
        return self._correlation(self._channels(atoms)).size()

    def labels(self, atoms: Atoms | None = None) -> tuple[Label, ...]:
        """Return the factors c_{anlm} of each feature of a center, in order.

        A factor is a species and a radial function n, counted from 0, or "mixed" and the number of
        a mixed channel. Labels are ("H", n) at order 1, and ("H", n, "O", n', l) at order 2. Orders
        3 and 4 have three or four factors, then a tuple: (l1, l2, l3), or (l1, l2, l3, l4, L),
        where L is the degree to which two factors are coupled. Then "odd" marks features that
        change sign under inversion.

        Parameters
        ----------
        atoms
            A structure, for its species. Not needed if ``species`` is given or channels are mixed.

        Raises
        ------
        ValueError
            If a structure is needed, or has a species without a channel, or there are too many
            features.

        Examples
        --------
        >>> from sensitivity import DensityCorrelations
        >>> labels = DensityCorrelations(order=2, species=("H", "O")).labels()
        >>> labels[0], labels[-1]
        (('H', 0, 'H', 0, 0), ('O', 5, 'O', 5, 6))
        """
        if self.contract_channels is not None:
            return name_features(self._affordable(()), name_mixed_channels(self.contract_channels))
        species = self._species_of(atoms)
        return name_features(self._affordable(species), name_channels(species, self.n_max))

    def _species_of(self, atoms: Atoms | None) -> tuple[int, ...]:
        """Return the species of the channels; a structure is needed if they are not given."""
        if atoms is not None:
            return self._channels(atoms)
        if self.species is None:
            raise ValueError(
                "the features depend on the species of the structure; give labels() the structure, "
                "or the descriptor species=(...)."
            )
        return self.species

    @takes_centers
    def features(self, atoms: Atoms, *, centers: Centers = None) -> Array:
        """Return the features, shape (centers, features).

        Raises
        ------
        TypeError, ValueError
            If the structure or a center is unusable, a species has no channel, there are too many
            features, or the result would not fit into memory.
        """
        chosen = check_centers(atoms, centers)
        correlation = self._affordable(self._channels(atoms))
        _require_memory(correlation.size(), values=len(chosen) * correlation.size())
        sets = neighborhoods(atoms, cutoff=self.cutoff, centers=chosen)
        place = {center: row for row, center in enumerate(chosen)}
        out = np.empty((len(chosen), correlation.size()))
        for like in self._seen(sets, atoms):
            rows = [place[center] for center in like.around.centers.tolist()]
            out[rows] = like.features(correlation.size())
        return out

    @takes_centers
    def gradients(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Batch, ...]:
        """Return features and analytic gradients of every center, like centers together.

        Raises what ``features`` does.
        """
        chosen = check_centers(atoms, centers)
        return self._gradients(neighborhoods(atoms, cutoff=self.cutoff, centers=chosen), atoms)

    @takes_centers
    def gradients_of_copies(
        self, copies: Sequence[Atoms], *, centers: Centers = None
    ) -> list[tuple[Batch, ...]]:
        """Return what ``gradients`` does for each of some displaced copies of a structure.

        Their like centers are computed together: for one center of a molecule, eight copies take as
        long as two or three, and two hardly longer than one.
        """
        chosen = check_centers(copies[0], centers)
        sets = [neighborhoods(atoms, cutoff=self.cutoff, centers=chosen) for atoms in copies]
        stacks = list(map(stack, zip(*sets, strict=False)))
        together = [each for each in stacks if each is not None]
        if len(together) < len(stacks) or len({len(each) for each in sets}) > 1:
            # An atom has crossed the cutoff.
            return [self._gradients(*pair) for pair in zip(sets, copies, strict=True)]
        batches = self._gradients(together, copies[0])
        return list(zip(*(batch.divide(len(copies)) for batch in batches), strict=True))

    def _gradients(self, sets: Sequence[Neighborhoods], atoms: Atoms) -> tuple[Batch, ...]:
        """Return features and gradients of sets of like centers."""
        correlation = self._affordable(self._channels(atoms))
        columns = sum(3 * around.atoms.size for around in sets)
        pairs = max(around.itself.shape[1] for around in sets)  # of one center, the least at once
        working = pairs * correlation.bytes_per_pair() // 8
        _require_memory(correlation.size(), values=columns * correlation.size() + working)
        counts = [len(around.centers) for around in sets]
        return tuple(
            like.batch(correlation.size(), before=before, count=sum(counts))
            for before, like in zip(
                accumulate(counts, initial=0), self._seen(sets, atoms), strict=False
            )
        )

    def _seen(self, sets: Iterable[Neighborhoods], atoms: Atoms) -> Iterator[LikeCenters]:
        """Restrict each set of like centers to the species that have a density around them."""
        density = self._density(atoms)
        for around in sets:
            near = around.within(self.cutoff)
            own = set(around.numbers.tolist()) if self.center_weight else set()
            found = tuple(z for z in density.species if z in near or z in own)
            if found == density.species or not found or self.contract_channels is not None:
                yield LikeCenters(around, density, self._correlation(density.species), None)
                continue
            basis, indices = self._basis(density.species), map(density.species.index, found)
            places = orders.places_of(
                basis, tuple(indices), order=self.order, parity_odd=self.parity_odd
            )
            seen = replace(around, species=near), replace(density, species=found)
            yield LikeCenters(*seen, self._correlation(found), places)

    def _density(self, atoms: Atoms) -> Density:
        width = self.cutoff_width
        width = min(0.5, 0.5 * self.cutoff) if width is None else width
        radial = radial_functions(
            self.basis,
            cutoff=float(self.cutoff),
            n_max=self.n_max,
            l_max=self.l_max,
            smearing=float(self.smearing),
        )
        return Density(radial, self._channels(atoms), width, self.center_weight)

    def _channels(self, atoms: Atoms) -> tuple[int, ...]:
        present = set(atoms.numbers.tolist())
        if self.species is None:
            return tuple(sorted(present))
        unknown = sorted(present - set(self.species))
        if unknown:
            known = ", ".join(chemical_symbols[number] for number in self.species)
            others = ", ".join(chemical_symbols[number] for number in unknown)
            raise ValueError(
                f"the descriptor has channels for {known} only, but the structure has {others}; "
                f"add {'it' if len(unknown) == 1 else 'them'} to species, or leave species=None."
            )
        return self.species

    def _basis(self, species: Sequence[int]) -> Basis:
        """Return the correlated channels; mixed channels count as one species."""
        if self.contract_channels is None:
            return Basis(len(species), self.n_max, self.l_max)
        return Basis(1, self.contract_channels, self.l_max)

    def _correlation(self, species: Sequence[int]) -> Correlation:
        basis, channels = self._basis(species), self.contract_channels
        correlation = orders.correlations(basis, order=self.order, parity_odd=self.parity_odd)
        if channels is None:
            return correlation
        mixtures = (mixture(z, n_max=self.n_max, channels=channels) for z in species)
        return ContractedChannels(correlation, tuple(mixtures))

    def _affordable(self, species: Sequence[int]) -> Correlation:
        """Return the correlations of these species, unless there are too many."""
        correlation = self._correlation(species)
        if self.order == orders.LARGEST_ORDER:
            orders.require_few_features(
                correlation, self._basis(species), parity_odd=self.parity_odd
            )
        return correlation


def _require_memory(size: int, *, values: int) -> None:
    purpose = f"the requested arrays with {size} features per center"
    remedy = "choose fewer centers, a smaller n_max or l_max, or a lower order"
    require_memory(8 * values, purpose=purpose, remedy=remedy)


def _square_root(products: Array) -> Array:
    """Return the vector c, up to a sign, from the upper triangle of c cᵀ."""
    values, vectors = np.linalg.eigh(products, UPLO="U")
    return np.asarray(vectors[:, -1] * np.sqrt(max(values[-1], 0)))


def _name_basis(basis: RadialBasis) -> str:
    return next((name for name, known in BASES.items() if known == basis), type(basis).__name__)
