"""Arguments of dscribe's objects, the radius within which they see, and names of features."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from inspect import signature
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from scipy.linalg import LinAlgWarning

from sensitivity.descriptors.protocol import Label, plain

# Largest coefficient of radial functions; larger ones magnify rounding to 1e-9 of the features.
_NOISY = 2e6


def kind_and_arguments(descriptor: Any) -> tuple[type, dict[str, Any]]:
    """Return the class of a dscribe object and the arguments that give an equal one.

    For ValleOganov, which does not keep its own, they are those of MBTR.
    """
    for kind in type(descriptor).__mro__:
        found = {
            name: getattr(descriptor, name, getattr(descriptor, f"_{name}", _Missing))
            for name in signature(kind).parameters
        }
        if not any(value is _Missing for value in found.values()):
            return kind, {key: _as_list(value) for key, value in found.items()}
    raise TypeError(f"the arguments of {type(descriptor).__name__} are unknown.")


class _Missing:
    """Stands for an argument that the object does not keep."""


def _as_list(value: Any) -> Any:
    """Return a copy with plain numbers, lists for sets, and None for what is empty."""
    value = sorted(value) if isinstance(value, set | frozenset) else plain(value)
    return None if value in ({}, []) else value


def find_cutoff(library: Any, arguments: Mapping[str, Any]) -> float | None:
    """Return the radius in Å beyond which SOAP or ACSF see nothing; None for others."""
    if type(library).__name__ == "ACSF":
        return float(arguments["r_cut"])
    if type(library).__name__ != "SOAP":
        return None
    # dscribe takes atoms beyond r_cut whose Gaussians reach it, and drops those farther away.
    reach = float(arguments["r_cut"] + library.get_cutoff_padding())
    weighting = arguments["weighting"] or {}
    return min(reach, float(weighting["r0"])) if weighting.get("function") == "poly" else reach


def largest_n_max(library: Any, arguments: Mapping[str, Any]) -> int:
    """Return the largest number of radial functions of SOAP that rounding permits.

    Also with two more degrees, since both are increased together.
    """
    r_cut, l_max, most = arguments["r_cut"], min(arguments["l_max"] + 2, 20), arguments["n_max"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", LinAlgWarning)
        for n_max in range(1, 21):
            try:
                if arguments["rbf"] == "polynomial":
                    library.get_basis_poly(r_cut, n_max)
                elif np.abs(library.get_basis_gto(r_cut, n_max, l_max)[1]).max() > _NOISY:
                    break
            except (ValueError, LinAlgWarning):  # they are linearly dependent
                break
            most = max(most, n_max)
    return int(most)


def symbols(arguments: Mapping[str, Any]) -> list[str]:
    """Return the species of a dscribe object in the order of its features."""
    numbers = {atomic_numbers.get(each, each) for each in arguments["species"]}
    return [chemical_symbols[number] for number in sorted(numbers)]


def labels(library: Any, arguments: Mapping[str, Any]) -> tuple[Label, ...]:
    """Return (species, n, species, n', l) of each feature of SOAP, and names of others.

    "all" stands for the sum over species.
    """
    kind, size = type(library).__name__, int(library.get_number_of_features())
    if kind == "SOAP":
        return tuple(_label_products(arguments))
    if kind == "ACSF":
        return tuple(_label_functions(arguments))
    if "n_atoms_max" not in arguments:
        return tuple(f"feature {number}" for number in range(size))
    if arguments["permutation"] == "eigenspectrum":
        return tuple(f"eigenvalue {number}" for number in range(size))
    places = range(arguments["n_atoms_max"])
    return tuple(f"row {i}, column {j}" for i, j in product(places, places))


def _label_products(arguments: Mapping[str, Any]) -> Iterator[Label]:
    mode, known = arguments["compression"]["mode"], symbols(arguments)
    pairs = {
        "off": list(combinations_with_replacement(known, 2)),
        "crossover": [(one, one) for one in known],
        "mu1nu1": [(one, "all") for one in known],
        "mu2": [("all", "all")],
    }[mode]
    radial, degrees = range(arguments["n_max"]), range(arguments["l_max"] + 1)
    for one, other in pairs:
        for degree, n, m in product(degrees, radial, radial):
            if one != other or n <= m:
                yield one, n, other, m, degree


def _label_functions(arguments: Mapping[str, Any]) -> Iterator[Label]:
    def names(*groups: str) -> list[str]:
        counts = [len(arguments[f"{group}_params"] or ()) for group in groups]
        return [
            f"{group.upper()} {number}"
            for group, count in zip(groups, counts, strict=True)
            for number in range(count)
        ]

    known = symbols(arguments)
    for one, name in product(known, ["G1", *names("g2", "g3")]):
        yield f"{name} of {one}"
    for place, one in enumerate(known):
        for other, name in product(known[: place + 1], names("g4", "g5")):
            yield f"{name} of {other} and {one}"
