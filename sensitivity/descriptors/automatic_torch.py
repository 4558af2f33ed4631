"""The base of adapters of torch, which differentiates."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from inspect import getclosurevars
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.descriptors.automatic import Automatic, Products
from sensitivity.numerics import Array

Map = Callable[[Any], Any]  # of a tensor of positions, (N, 3), to one of features

# What torch says, on systems, and about devices, of several kinds.
_EXHAUSTED = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")


class AutomaticTorch(Automatic):
    """A descriptor that torch computes; a subclass has ``cutoff`` and ``_map``.

    Products are computed many at a time; one after the other if the code has operations for which
    torch cannot do that.
    """

    @abstractmethod
    def _map(self, atoms: Atoms, centers: tuple[int, ...]) -> Map:
        """Return the features, (centers, features), as a function of positions, (N, 3)."""

    def _is_exhausted(self, error: Exception) -> bool:
        text = str(error).lower()
        said = isinstance(error, RuntimeError) and any(each in text for each in _EXHAUSTED)
        return said or isinstance(error, MemoryError)

    def _features(self, atoms: Atoms, centers: tuple[int, ...]) -> Array:
        return self._evaluate(self._map(atoms, centers), _tensor(atoms.positions))

    def _evaluate(self, function: Map, positions: Any) -> Array:
        import torch

        with torch.no_grad():
            return self._values(function(positions))

    def _linearize(self, atoms: Atoms, centers: tuple[int, ...]) -> Products:
        import torch

        _warm_up()
        function, positions = self._map(atoms, centers), _tensor(atoms.positions)
        features = self._evaluate(function, positions)

        def slopes(direction: Any) -> Any:
            return torch.func.jvp(function, (positions,), (direction,))[1]

        def slopes_by_backward(direction: Any) -> Any:  # twice
            return torch.autograd.functional.jvp(function, positions, direction)[1]

        def gradient(weight: Any) -> Any:
            return torch.func.vjp(function, positions)[1](weight)[0]

        def gradient_alone(weight: Any) -> Any:  # without restrictions of torch.func
            return torch.autograd.functional.vjp(function, positions, weight)[1]

        return Products(
            features,
            forward=lambda directions: self._each(directions, slopes, slopes_by_backward),
            backward=lambda weights: self._each(weights, gradient, gradient_alone),
        )

    def _each(self, vectors: Array, product: Map, remaining: Map) -> Array:
        """Return the product with each vector: all at once, or singly if torch cannot do that."""
        import torch

        given = _tensor(vectors)
        ways: list[Map] = [
            torch.func.vmap(product),
            lambda several: torch.stack([product(each) for each in several]),
            lambda several: torch.stack([remaining(each) for each in several]),
        ]
        while True:
            try:
                return _array(ways.pop(0)(given))
            except (RuntimeError, ValueError, NotImplementedError) as error:
                if self._is_exhausted(error):
                    raise
                if not ways:
                    reason = str(error).splitlines()[0]
                    raise ValueError(
                        f"torch cannot differentiate {self.name} ({reason}); use operations that "
                        "have derivatives, or Function, which takes differences."
                    ) from error

    def _values(self, found: Any) -> Array:
        """Return features as an array of double precision; others are refused."""
        import torch

        if not isinstance(found, torch.Tensor):
            raise TypeError(
                f"{self.name} must return a torch tensor of features, got {type(found).__name__}."
            )
        if found.dtype.is_floating_point and found.dtype != torch.float64:
            raise TypeError(
                f"{self.name} returns {str(found.dtype).removeprefix('torch.')}, too coarse for "
                "small singular values; call .double() on the model, and create tensors with "
                "dtype=torch.float64."
            )
        return _array(found)


def check_modules(function: Callable[..., Any], name: str) -> None:
    """Raise a ValueError if a module that a function uses is not ready.

    It must not be in training mode, where dropout and batch statistics make features random, and
    must have double precision. Models that are hidden, such as in attributes, are checked when they
    are called.
    """
    for module in _modules(function):
        _check_module(module, name)


def _check_module(module: Any, name: str) -> None:
    """Raise a ValueError unless a module, with all in it, is ready."""
    kind = type(module).__name__
    training = [type(each).__name__ for each in module.modules() if each.training]
    if training:
        raise ValueError(
            f"{name} uses a model in training mode ({training[-1]} of {kind}), where features "
            "may be random; call .eval() on the model first."
        )
    coarse = {str(each.dtype) for each in module.parameters() if _is_coarse(each)}
    if coarse:
        raise ValueError(
            f"{name} uses a model with parameters of {min(coarse).removeprefix('torch.')} "
            f"({kind}); call .double() on the model first."
        )


def _is_coarse(tensor: Any) -> bool:
    """Return True for real or complex numbers of less than double precision."""
    import torch

    continuous = tensor.is_floating_point() or tensor.is_complex()
    return bool(continuous) and torch.finfo(tensor.dtype).eps > torch.finfo(torch.float64).eps


@contextmanager
def checked_modules(name: str) -> Iterator[None]:
    """Raise a ValueError if a module that is called in a block, wherever it is, is not ready."""
    from torch.nn.modules.module import register_module_forward_pre_hook

    known = set[Any]()

    def check(module: Any, given: object) -> None:
        if module not in known:
            _check_module(module, name)
            known.update(module.modules())

    handle = register_module_forward_pre_hook(check)
    try:
        yield
    finally:
        handle.remove()


def _modules(function: Callable[..., Any]) -> Iterator[Any]:
    """Yield the modules that a function is, is a method of, or names."""
    import torch

    inner = getattr(function, "__wrapped__", getattr(function, "func", function))
    named: list[Any] = [function, inner, getattr(inner, "__self__", None)]
    with suppress(TypeError):  # not a Python function
        variables = getclosurevars(inner)
        named += [*variables.nonlocals.values(), *variables.globals.values()]
    yield from (each for each in named if isinstance(each, torch.nn.Module))


@cache
def _warm_up() -> None:
    """Let torch import what forward derivatives need, which warns of torch's own scripting."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        one = torch.ones(1, dtype=torch.float64)
        torch.func.jvp(torch.sin, (one,), (one,))


def _tensor(values: Array) -> Any:
    import torch

    return torch.tensor(values, dtype=torch.float64)


def _array(tensor: Any) -> Array:
    return np.asarray(tensor.detach().cpu().numpy())
