"""The base of adapters of pretrained potentials, whose packages contain the weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from sensitivity.descriptors.automatic_torch import AutomaticTorch
from sensitivity.descriptors.packages import PackageError, installed_version


class Pretrained(AutomaticTorch):
    """A descriptor that a pretrained model computes, one of several with a name.

    A subclass has ``models``, their names, and creates itself from one.
    """

    cutoff: float
    models: tuple[str, ...]

    def __init__(self, model: str) -> None:
        if model not in self.models:
            raise ValueError(
                f"{type(self).__name__} has the models {', '.join(self.models)}, got {model!r}."
            )
        self.model = model

    @property
    def name(self) -> str:
        """Name in tables and sentences."""
        return f"{type(self).__name__} {self.model}"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Name of the model."""
        return {"model": self.model}

    def with_settings(self, **changes: Any) -> Self:
        """Return the descriptor of another model."""
        if unknown := ", ".join(name for name in changes if name != "model"):
            raise TypeError(f"{self.name} has no setting {unknown}; choose from model.")
        return type(self)(**(dict(self.settings) | changes))

    def python(self) -> tuple[str, str]:
        """Return the import line, and the expression that creates the adapter."""
        return f"from sensitivity.descriptors import {type(self).__name__}", repr(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model,)

    def _check_species(self, atoms: Atoms, known: Collection[int]) -> None:
        """Raise a ValueError for species that the model does not know."""
        if unknown := sorted(set(np.unique(atoms.numbers).tolist()) - set(known)):
            names = ", ".join(chemical_symbols[number] for number in unknown)
            raise ValueError(
                f"{self.name} was trained on {len(known)} elements, without {names}; choose a "
                "structure without, or another descriptor."
            )


@contextmanager
def reading_weights(package: str, model: str) -> Iterator[None]:
    """Raise an ImportError with the remedy if a package cannot read its weights in a block."""
    try:
        yield
    except Exception as error:
        problem = "contains no weights"
        if not isinstance(error, FileNotFoundError):
            reason = str(error).strip().partition("\n")[0].rstrip(".:;")
            problem = f"cannot read its weights ({reason or type(error).__name__})"
        version = installed_version(package)
        raise PackageError(
            f"{package} {version} {problem} of {model}; install it again: pip install "
            f"--force-reinstall --no-deps {package}=={version}."
        ) from error
