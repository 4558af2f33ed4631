"""The atomic cluster expansion of ace-jax."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from numpy.typing import NDArray

from sensitivity.descriptors.adapter import Adapter
from sensitivity.descriptors.automatic_jax import compiled, is_exhausted
from sensitivity.descriptors.batches import Batch
from sensitivity.descriptors.orders import find_species
from sensitivity.descriptors.packages import required
from sensitivity.descriptors.protocol import Descriptor, Label
from sensitivity.numerics import Array, Indices, check_integer, check_real
from sensitivity.progress import checkpoint
from sensitivity.structures import neighbor_pairs

Body = tuple[tuple[int, int], ...]  # n and l of each factor of a product

_ORDERS, _DEGREES = (1, 4), (2, 30)
_AT_ONCE = 4  # centers
_MOST = 4000  # features of a center: JAX then compiles for about half a minute


@dataclass(eq=False, repr=False)
class Ace(Adapter):
    """The basis of an atomic cluster expansion, by ace-jax.

    A center has the products of up to ``order`` densities of neighbours (the basis B) and sums over
    neighbours of functions of the distance (the pair basis), in the layout of ace-jax: each has a
    column for each species of center, which is zero for centers of other species. Radial functions
    are those with which a fit begins. Derivatives are those of ace-jax.

    Attributes
    ----------
    order
        Number of neighbours correlated, from 1 to 4.
    total_degree
        Largest sum, over the neighbours, of n + ``angular_weight`` l, where n counts radial
        functions in steps of 1 over the number of species.
    cutoff
        Å.
    angular_weight
        Weight of the degree l: with a smaller one the basis has larger degrees.
    species
        Atomic numbers or symbols; None takes those of each structure.

    Raises
    ------
    ImportError
        If ace-jax is missing.
    TypeError, ValueError
        If an argument has the wrong type or is out of range, or a structure has other species.

    Examples
    --------
    >>> from sensitivity import spectrum, structures
    >>> from sensitivity.descriptors.from_ace import Ace
    >>> [spectrum(structures.load("S1"), Ace(order=n), centers=[0]).rank for n in (2, 3)]
    [8, 9]
    """

    order: int = 2
    total_degree: int = 12
    cutoff: float = 5.0
    angular_weight: float = 1.0
    species: tuple[int, ...] | None = None
    inversion_invariant = True

    def __post_init__(self) -> None:
        with required("ace-jax"):
            import ace_jax  # noqa: F401
        lowest, highest = _ORDERS
        check_integer(
            self.order, "order", f"{lowest} to {highest}", accepts=lambda n: lowest <= n <= highest
        )
        least, most = _DEGREES
        check_integer(
            self.total_degree,
            "total_degree",
            f"{least} to {most}",
            accepts=lambda n: least <= n <= most,
        )
        check_real(self.cutoff, "cutoff", "above 0", accepts=lambda x: 0 < x < np.inf)
        check_real(
            self.angular_weight,
            "angular_weight",
            "from 0.25 to 4",
            accepts=lambda x: 0.25 <= x <= 4,
        )
        if self.species is not None:
            self.species = find_species(self.species)

    @classmethod
    def affordable(cls, order: int, *, species: Iterable[int | str]) -> Self:
        """Return an expansion for these species, of total degree 12 or less.

        It has at most a thousand products, for which JAX compiles for seconds.
        """
        known = find_species(species)
        degree = largest_degree(
            order, cls.angular_weight, species=len(known), most=1000, up_to=cls.total_degree
        )
        return cls(order=order, total_degree=degree, species=known)

    @property
    def name(self) -> str:
        """Name in tables and sentences."""
        return "ace-jax"

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """Orders and degrees that ace-jax can couple in seconds, and plausible cutoffs."""
        return {
            "order": _ORDERS,
            "total_degree": _DEGREES,
            "cutoff": (1.0, 12.0),
            "angular_weight": (0.25, 4.0),
        }

    @property
    def refinable(self) -> tuple[str, ...]:
        """The total degree."""
        return ("total_degree",)

    def __repr__(self) -> str:
        return self.python()[1]

    def higher_order(self) -> Descriptor | None:
        """Return the expansion of one more neighbour, of the same total degree."""
        return self.with_settings(order=self.order + 1) if self.order < _ORDERS[1] else None

    def count_features(self, atoms: Atoms) -> int:
        """Return the number of features of a center of this structure."""
        return self._basis(atoms).size

    def labels(self, atoms: Atoms | None = None) -> tuple[Label, ...]:
        """Return the species of the center, then species, n and l of each neighbour.

        Features of the pair basis: species of the center, species and n of the neighbour, "pair".
        """
        if atoms is None and self.species is None:
            return super().labels(atoms)
        return self._basis(atoms).labels()

    def _species_of(self, atoms: Atoms | None) -> tuple[int, ...]:
        if self.species is not None:
            return self.species
        return () if atoms is None else tuple(np.unique(atoms.numbers).tolist())

    def _basis(self, atoms: Atoms | None) -> _Basis:
        """Return the basis for the species of a structure."""
        species, given = self._species_of(atoms), set(() if atoms is None else atoms.numbers)
        if unknown := sorted(given - set(species)):
            others, known = (
                ", ".join(chemical_symbols[z] for z in numbers) for numbers in (unknown, species)
            )
            raise ValueError(
                f"the species of {self.name} are {known}, and the structure has {others}; add "
                f"{'it' if len(unknown) == 1 else 'them'} to species, or leave species=None."
            )
        return _build(self.order, self.total_degree, self.cutoff, self.angular_weight, species)

    def _is_exhausted(self, error: Exception) -> bool:
        return is_exhausted(error)

    def _features(self, atoms: Atoms, centers: tuple[int, ...]) -> Array:
        basis = self._basis(atoms)
        edges = _Edges.of(atoms, centers, basis.species, cutoff=self.cutoff)
        own = np.concatenate([np.asarray(each) for each in edges.through(basis, _features_of)])
        found = np.zeros((len(centers), self.count_features(atoms)))
        for row, center in enumerate(centers):
            found[row, basis.columns(atoms.numbers[center])] = own[row]
        return found

    def _gradients(self, atoms: Atoms, centers: tuple[int, ...]) -> tuple[Batch, ...]:
        basis, features = self._basis(atoms), self._features(atoms, centers)
        edges = _Edges.of(atoms, centers, basis.species, cutoff=self.cutoff)
        slopes = (each for several in edges.through(basis, _slopes_of) for each in several)
        alike: dict[tuple[int, int], list[_Own]] = {}
        for row, (center, along) in enumerate(zip(centers, slopes, strict=False)):
            near = edges.neighbors[row]
            own = _sum_over_images(center, near, np.asarray(along)[: len(near)], features[row])
            alike.setdefault((int(atoms.numbers[center]), len(own.atoms)), []).append(own)
        return tuple(
            Batch.of_rows(
                np.array([each.center for each in group]),
                np.array([each.atoms for each in group]),
                np.array([each.features for each in group]),
                rows=basis.columns(number),
                slopes=np.array([each.slopes for each in group]),
            )
            for (number, _), group in alike.items()
        )


class _Own(NamedTuple):
    """A center, the k atoms on which it depends, its features, and slopes of its own columns."""

    center: int
    atoms: Indices
    features: Array
    slopes: Array  # [own column, atom, xyz]


def _sum_over_images(center: int, near: Indices, along: Array, features: Array) -> _Own:
    """Add the derivatives along edges, (edges, own columns, 3), at both of their ends."""
    atoms, place = np.unique(np.append(near, center), return_inverse=True)
    slopes = np.zeros((len(atoms), *along.shape[1:]))
    np.add.at(slopes, place[:-1], along)
    slopes[place[-1]] -= along.sum(axis=0)
    return _Own(center, atoms, features, slopes.transpose(1, 0, 2))


@dataclass(frozen=True)
class _Edges:
    """Centers and vectors to their neighbours, filled up so that few shapes are compiled."""

    neighbors: list[Indices]  # of each center
    vectors: Array  # [center, edge, xyz]
    kinds: Indices  # of the centers: number of the species
    others: Indices  # of the neighbours, [center, edge]
    mask: NDArray[np.bool_]  # [center, edge]

    @classmethod
    def of(
        cls, atoms: Atoms, centers: tuple[int, ...], species: tuple[int, ...], *, cutoff: float
    ) -> _Edges:
        pairs, kinds = neighbor_pairs(atoms, cutoff), np.searchsorted(species, atoms.numbers)
        ends = np.searchsorted(pairs.i, np.arange(len(atoms) + 1))
        spans = [slice(ends[center], ends[center + 1]) for center in centers]
        most = max(8, *(span.stop - span.start for span in spans))
        size = -(-len(centers) // _AT_ONCE) * _AT_ONCE, 1 << int(most - 1).bit_length()
        found = cls(
            [pairs.j[span] for span in spans],
            np.full((*size, 3), [cutoff, 0.0, 0.0]),  # where all functions are zero
            np.zeros(size[0], dtype=np.int32),
            np.zeros(size, dtype=np.int32),
            np.zeros(size, dtype=bool),
        )
        found.kinds[: len(centers)] = kinds[list(centers)]
        for row, (span, near) in enumerate(zip(spans, found.neighbors, strict=True)):
            found.vectors[row, : len(near)] = pairs.vectors[span]
            found.others[row, : len(near)] = kinds[near]
            found.mask[row, : len(near)] = True
        return found

    def through(self, basis: _Basis, function: Callable[..., Any]) -> Iterator[Any]:
        """Yield what a function of the model and of edges gives, for a few centers at a time."""
        import jax

        own = np.repeat(self.kinds[:, None], self.mask.shape[1], axis=1)
        for start in range(0, len(self.mask), _AT_ONCE):
            checkpoint(f"{start} of {len(self.neighbors)} centers")
            few = slice(start, start + _AT_ONCE)
            given = self.vectors[few], own[few], self.others[few], self.mask[few]
            with jax.enable_x64(True):
                found = compiled(function)(basis.model, *given)
            yield found


def _features_of(model: Any, *edges: Any) -> Any:
    import jax

    return jax.numpy.concatenate(model.site_basis_dense(*edges), axis=1)


def _slopes_of(model: Any, *edges: Any) -> Any:
    """Return the derivatives along edges, [center, edge, own column, xyz]."""
    _, slopes = model.edge_jacobian_dense(*edges)
    return slopes.reshape(*edges[-1].shape, *slopes.shape[1:])


@dataclass(frozen=True)
class _Basis:
    """A model of ace-jax, and what its columns are."""

    model: Any
    species: tuple[int, ...]
    bodies: tuple[Body, ...]  # of the products
    pairs: int  # size of the pair basis

    @property
    def size(self) -> int:
        """Number of features of a center."""
        return (len(self.bodies) + self.pairs) * len(self.species)

    def columns(self, number: int) -> Indices:
        """Return the columns of a center of a species: its products, then its pair basis."""
        kind, count = self.species.index(number), len(self.bodies)
        first = len(self.species) * count + kind * self.pairs
        ends = (kind * count, (kind + 1) * count), (first, first + self.pairs)
        return np.concatenate([np.arange(*each) for each in ends])

    def labels(self) -> tuple[Label, ...]:
        """Return the label of each column."""
        symbols = [chemical_symbols[number] for number in self.species]
        products = [
            (each, *(part for n, l in body for part in (*self._radial(n), l)), *repeated)
            for each in symbols
            for body, repeated in _numbered(self.bodies)
        ]
        pairs = [
            (each, *self._radial(n), "pair") for each in symbols for n in range(1, 1 + self.pairs)
        ]
        return (*products, *pairs)

    def _radial(self, n: int) -> tuple[str, int]:
        """Return the species and the number, from 0, of a radial function."""
        number, kind = divmod(n - 1, len(self.species))
        return chemical_symbols[self.species[kind]], number


def _numbered(bodies: Sequence[Body]) -> Iterator[tuple[Body, tuple[str, ...]]]:
    """Yield each body, and a number where it is coupled in several ways."""
    seen = Counter[Body]()
    for body in bodies:
        seen[body] += 1
        yield body, (f"coupling {seen[body]}",) if seen[body] > 1 else ()


@lru_cache(maxsize=32)
def largest_degree(
    order: int, angular_weight: float, *, species: int, most: int, up_to: int
) -> int:
    """Return the largest total degree up to one with at most so many products of densities.

    From the smallest on, because ace-jax can only count the products by listing all of them.
    """
    for degree in range(_DEGREES[0], up_to + 1):
        if _count_products(order, degree, angular_weight, species) > most:
            return degree - 1
    return up_to


def _count_products(order: int, degree: int, angular_weight: float, species: int) -> int:
    """Return the number of products of up to ``order`` densities."""
    if order > 2:
        from ace_jax.basis.spec import build_spec

        caps = tuple(_caps(degree).values())
        return len(build_spec(species, order, degree, angular_weight, caps=caps)[0])
    # Listing products of two takes minutes for degree 30. Their l is the same, and their n, which
    # count from 1, have a sum of at most the budget.
    rounding = 1e-9  # as in ace-jax
    found = species * degree
    if order == 2:
        for l in range(int(degree / (2 * angular_weight)) + 1):
            budget = int(species * (degree - 2 * l * angular_weight) + rounding)
            found += (budget // 2) * (budget - budget // 2)
    return found


def _caps(degree: int) -> dict[str, tuple[int]]:
    """Return caps that leave out no product, but densities that none of the products has."""
    return {"nmax_by_order": (degree,), "lmax_by_order": (4 * degree,)}


@lru_cache(maxsize=32)
def _build(
    order: int, degree: int, cutoff: float, angular_weight: float, species: tuple[int, ...]
) -> _Basis:
    """Return a basis of ace-jax with the radial functions with which a fit begins."""
    import jax
    from ace_jax.basis.model import build_model

    largest = largest_degree(order, angular_weight, species=len(species), most=_MOST, up_to=degree)
    if degree > largest:
        raise ValueError(
            f"order {order} and total_degree {degree} give more than {_MOST} products for "
            f"{len(species)} species; choose a total_degree of at most {largest}."
        )
    radii = covalent_radii[list(species)]  # ace-jax has none for hydrogen
    with jax.enable_x64(True):
        basis = build_model(
            list(species),
            order,
            degree,
            wL=angular_weight,
            rcut=cutoff,
            r0=radii[:, None] + radii,
            n_q_factor=1.0,  # polynomials that no radial function has
            with_gamma=False,
            coupling_cache=False,  # nothing in the user's folders
            **_caps(degree),
        )
    return _Basis(basis.model, species, basis.nnll, int(basis.model.Wpair.shape[0]))
