"""The protocol of descriptors: required members, and defaults for optional ones."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, cast

import numpy as np
from ase import Atoms

from sensitivity.descriptors.batches import Batch, Centers
from sensitivity.descriptors.like_gradients import LikeGradients
from sensitivity.numerics import Array, Indices

Label = str | tuple[Any, ...]
"""Name of a feature, or a tuple such as ("H", 0, "C", 1, 3): species, n, species, n' and l.

Examples
--------
>>> from sensitivity.descriptors import Label
>>> name: Label = "G2 of H, shell 3"
"""

# Members that every descriptor must have; the others have defaults.
ESSENTIAL = ("cutoff", "inversion_invariant", "features", "gradients")

if TYPE_CHECKING:
    from builtins import property as default
else:

    class default:  # noqa: N801 - it stands for property
        """Property that instance attributes and dataclass fields may override."""

        def __init__(self, function):
            self.function, self.__doc__ = function, function.__doc__

        def __get__(self, instance, owner=None):
            if instance is None:  # a dataclass would take the returned value as the field's default
                raise AttributeError(self.function.__name__)
            return self.function(instance)


class Descriptor(Protocol):
    """A smooth map from positions to features of centers.

    A descriptor must have ``cutoff``, ``inversion_invariant``, ``features`` and ``gradients``. A
    subclass inherits defaults for the other members; ``with_defaults`` adds them to an object of
    any class. ``examples/own_descriptor.py`` is a complete example.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from sensitivity import diagnose, structures
    >>> from sensitivity.descriptors import Descriptor
    >>> from sensitivity.descriptors import batches_from_function, features_from_function
    >>> def fading_sum(vectors, numbers):
    ...     r, w = np.linalg.norm(vectors, axis=1), np.pi / 3.0
    ...     slopes = -np.sin(w * r) * w / r / 2
    ...     return np.array([np.sum(1 + np.cos(w * r)) / 2]), (slopes[:, None] * vectors)[None]
    ...
    >>> @dataclass(frozen=True)
    ... class Coordination(Descriptor):
    ...     cutoff: float = 3.0
    ...     inversion_invariant = True
    ...     order = 1
    ...     def features(self, atoms, *, centers=None):
    ...         return features_from_function(fading_sum, atoms, cutoff=3.0, centers=centers)
    ...     def gradients(self, atoms, *, centers=None):
    ...         return batches_from_function(fading_sum, atoms, cutoff=3.0, centers=centers)
    ...
    >>> found = diagnose(structures.load("generic"), Coordination(), centers=[0])
    >>> found.counts["sensitive"], found.counts["incompleteness"]
    (1, 5)
    """

    @default
    def cutoff(self) -> float:
        """Radius in Å beyond which a center sees nothing."""
        raise AttributeError(f"{type(self).__name__} has no cutoff")

    @default
    def inversion_invariant(self) -> bool:
        """True for an O(3) descriptor, False if it is invariant to proper rotations only."""
        raise AttributeError(f"{type(self).__name__} has no inversion_invariant")

    @abstractmethod
    def features(self, atoms: Atoms, *, centers: Centers = None) -> Array:
        """Return the features, shape (centers, features); ``centers=None`` means every atom."""

    @abstractmethod
    def gradients(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Batch, ...]:
        """Return features and gradients of every center, in any order."""

    @default
    def name(self) -> str:
        """Name in tables and sentences; default: the class name."""
        return type(self).__name__

    @default
    def settings(self) -> Mapping[str, Any]:
        """Settings as JSON values, in the order of the Python expression.

        Allowed are None, booleans, numbers and text, also NumPy's, and lists, tuples, arrays and
        mappings of them, with text or integer keys. Other objects, such as paths, sets, bytes or
        complex numbers, are refused: give their text, for example. Default: the fields of a
        dataclass that are JSON values.
        """
        if not is_dataclass(self):
            return {}
        values = plain({each.name: getattr(self, each.name) for each in fields(self) if each.init})
        return {key: value for key, value in values.items() if is_json(value)}

    @default
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Smallest and largest value of each setting that may be changed; default none."""
        return {}

    @default
    def refinable(self) -> tuple[str, ...]:
        """Names of the integer settings that enlarge the basis; default none."""
        return ()

    def with_settings(self, **changes: Any) -> Self:
        """Return the descriptor with other settings, in the form of ``settings``.

        Raises
        ------
        TypeError, ValueError
            If there is no such setting, or it cannot have this value.
        """
        known = settings_of(self)
        kind, unknown = type(self).__name__, ", ".join(key for key in changes if key not in known)
        if unknown:
            others = f"choose from {', '.join(known)}" if known else "it has none"
            raise TypeError(f"{kind} has no setting {unknown} that can be changed; {others}.")
        if not is_dataclass(self):
            raise TypeError(
                f"{kind} cannot change its settings, here {', '.join(changes)}; make it a "
                "dataclass, or define with_settings."
            )
        return cast(Self, replace(self, **changes))

    @default
    def invariance(self) -> Literal["O(3)", "SO(3)", "none"]:
        """Rotations that change no feature: all, or proper ones, together with permutations.

        "none" for a map that changes with rotations, or with the order of like atoms: symmetry then
        hides nothing from it. By default ``inversion_invariant`` decides.
        """
        return "O(3)" if self.inversion_invariant else "SO(3)"

    @default
    def smooth(self) -> bool:
        """False for a map with kinks or jumps, such as sorted values; default True.

        Where it has a kink there is no Jacobian, and no theorem about symmetry.
        """
        return True

    @default
    def effort(self) -> float:
        """Time of a Jacobian, relative to a native one of as many numbers; default 1.

        Searches that take many Jacobians end earlier where it is large.
        """
        return 1.0

    @default
    def remarks(self) -> tuple[str, ...]:
        """Sentences on the descriptor itself, such as on broken invariance; default none."""
        return ()

    def measured_on(self, atoms: Atoms, *, centers: Centers = None) -> Descriptor:
        """Return the descriptor with measured properties of this structure alone.

        For one whose ``invariance``, ``smooth`` or ``remarks`` are measured, and can differ between
        structures. Default: itself.
        """
        return self

    def labels(self, atoms: Atoms | None = None) -> tuple[Label, ...]:
        """Return what each feature of a center is, in order.

        Parameters
        ----------
        atoms
            A structure, where the features depend on its species.

        Raises
        ------
        ValueError
            If a structure is needed.
        """
        if atoms is None:
            raise ValueError(
                f"the features of {type(self).__name__} depend on the structure; pass labels() one."
            )
        return tuple(
            f"feature {number}" for number in range(with_defaults(self).count_features(atoms))
        )

    @default
    def order(self) -> int | None:
        """Number ν of correlated neighbours; default None: not such a descriptor.

        In the limit of a complete basis, such a descriptor sees every invariant of ν neighbours.
        """
        return None

    def larger_basis(self) -> Descriptor | None:
        """Return the same descriptor with a larger basis; None if not available.

        By default each refinable setting is increased by 2, within its limits.
        """
        own, grown = with_defaults(self), {}
        for key in own.refinable:
            value = settings_of(self)[key]
            _, most = own.limits.get(key, (0, value + 2))
            if (more := int(min(value + 2, most))) > value:
                grown[key] = more
        return own.with_settings(**grown) if grown else None

    def higher_order(self) -> Descriptor | None:
        """Return a descriptor that correlates one more neighbour; default None."""
        return None

    def of_order(self, order: int) -> Descriptor | None:
        """Return the descriptor at another order, with an affordable basis; None if not available.

        By default ``higher_order`` is used to reach higher orders.
        """
        found: Descriptor | None = self
        while found is not None and (with_defaults(found).order or order) < order:
            found = with_defaults(found).higher_order()
        return found if found is not None and with_defaults(found).order == order else None

    def count_features(self, atoms: Atoms) -> int:
        """Return the number of features of a center of this structure."""
        found = self.features(atoms, centers=[0])
        if np.ndim(found) != 2:
            raise ValueError(
                f"features() of {type(self).__name__} must return an array of shape (centers, "
                f"features), got {type(found).__name__} of shape {np.shape(found)}."
            )
        return int(np.shape(found)[1])

    def python(self) -> tuple[str, str]:
        """Return the import lines, and the expression that creates the descriptor.

        If it is unknown, the expression is "..." and the import lines are comments: for a dataclass
        whose fields are not all among ``settings``, or another class without settings, or whose
        ``__init__`` does not take them, or needs more.
        """
        kind, settings = type(self), settings_of(self)
        name = kind.__qualname__
        line = f"from {kind.__module__} import {name.split('.')[0]}"
        if "<locals>" in name or kind.__module__ == "__main__":
            line = f"# Define or import {name} here."
        if _are_arguments(settings, self):
            arguments = ", ".join(f"{key}={value!r}" for key, value in settings.items())
            return line, f"{name}({arguments})"
        comment = f"# Create your {name} below; the one used is shown as"
        line = f"# {line.removeprefix('# ')}"
        return "\n".join([comment, f"# {' '.join(repr(self).split())}", line]), "..."

    @default
    def expansion(self) -> tuple[int, int] | None:
        """Number of radial functions and largest degree of the correlated density.

        Default None, also for descriptors that do not keep all products of their coefficients.
        """
        return None

    def neighbor_densities(self, row: Array, numbers: Sequence[int]) -> Mapping[int, Array] | None:
        """Return the degree-0 part of the density of each species, from one center's features.

        These are the sums c_n = Σ_j γ_n(r_j) over the neighbours of a species, shape (n_max,), up
        to a sign. ``numbers`` are those of the structure. None, the default, if they are unknown.
        """
        return None

    def neighbor_curve(self, lengths: Array) -> Array | None:
        """Return γ(r) of ``neighbor_densities``, (lengths, n_max), lengths in Å; default None."""
        return None

    def like_gradients(
        self, vectors: Array, numbers: Indices, *, species: Collection[int]
    ) -> Iterator[tuple[slice, LikeGradients]] | None:
        """Return the gradients of many environments of different structures, some at a time.

        ``vectors``, shape (e, k, 3) in Å, lead from the centers to their k neighbours, all within
        the cutoff, of the atomic ``numbers``, shape (e, k): one species after the other.
        Environments with equal numbers of neighbours of each species follow each other.
        ``species`` are the atomic numbers that occur, also of centers. None, the default, if
        environments are taken singly.
        """
        return None


class _WithDefaults:
    """A descriptor of any class, with the defaults of ``Descriptor`` for missing members."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self._descriptor, name)
        except AttributeError:
            if name.startswith("_") or name not in vars(Descriptor):
                raise
            return vars(Descriptor)[name].__get__(self._descriptor)

    def __repr__(self) -> str:
        return repr(self._descriptor)


def with_defaults(descriptor: Descriptor) -> Descriptor:
    """Return a view of a descriptor with all members of the protocol, whatever its class.

    Use this view for members beyond the essentials, and keep the descriptor itself in results.

    Parameters
    ----------
    descriptor
        Descriptor with at least the essential members.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations
    >>> from sensitivity.descriptors import with_defaults
    >>> described = with_defaults(DensityCorrelations(order=3))
    >>> described.name, described.order
    ('DensityCorrelations', 3)
    >>> described.settings["l_max"]
    6
    """
    if Descriptor in type(descriptor).__mro__:
        return descriptor
    return cast(Descriptor, _WithDefaults(descriptor))


def settings_of(descriptor: Descriptor) -> dict[str, Any]:
    """Return the settings of a descriptor of any class by name, with Python numbers."""
    return {str(key): plain(value) for key, value in with_defaults(descriptor).settings.items()}


def plain(value: Any) -> Any:
    """Return NumPy numbers as Python numbers, also within arrays, tuples and other containers."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, tuple | list):
        return (tuple if isinstance(value, tuple) else list)(map(plain, value))
    if isinstance(value, Mapping):
        return {plain(key): plain(each) for key, each in value.items()}
    return value


def is_json(value: object) -> bool:
    """Return True if ``plain`` gives a JSON value; NaN and infinity are allowed.

    There may be a million values, so it neither copies nor reads more than needed.
    """
    if value is None or isinstance(value, float | int | str):
        return True
    if isinstance(value, np.generic | np.ndarray):
        kind = value.dtype.kind
        return kind in "biufU" or (kind == "O" and is_json(value.tolist()))
    if isinstance(value, Mapping):
        keys = all(isinstance(plain(key), str | int) for key in value)
        return keys and all(map(is_json, value.values()))
    return isinstance(value, list | tuple) and all(map(is_json, value))


def _are_arguments(settings: Mapping[str, Any], descriptor: Descriptor) -> bool:
    """Return True if the settings are the only arguments needed to create such a descriptor."""
    if is_dataclass(descriptor):
        return all(each.name in settings for each in fields(descriptor) if each.init)
    try:
        taken = signature(type(descriptor))
        taken.bind(**settings)
    except (TypeError, ValueError):
        return False
    return bool(settings) and settings.keys() <= taken.parameters.keys()
