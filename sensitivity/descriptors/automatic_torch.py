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

from sensitivity.descriptors.automatic import Automatic, OnlyGradientsError, Products
from sensitivity.numerics import Array

Map = Callable[[Any], Any]  # of a tensor of positions, (N, 3), to one of features

_FAILURES = (RuntimeError, ValueError, NotImplementedError)  # to differentiate, or in batches
# What torch says, on systems, and about devices, of several kinds.
_EXHAUSTED = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")
_DIFFERS = 1e-8  # of products: more is no rounding error


class AutomaticTorch(Automatic):
    """A descriptor that torch computes; a subclass has ``cutoff`` and ``_map``.

    Products are computed many at a time; one after the other if the code has operations for which
    torch cannot do that. Derivatives of code that torch can only differentiate backward, and once,
    are products with weights of features.
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

        with torch.enable_grad():  # for derivatives inside of the function
            return self._values(function(positions.clone()))

    def _linearize(self, atoms: Atoms, centers: tuple[int, ...]) -> Products:
        import torch

        _warm_up()
        function, positions = self._map(atoms, centers), _tensor(atoms.positions)
        features = self._evaluate(function, positions)
        size = float(np.linalg.norm(features)) / self.cutoff

        def slope(direction: Any) -> Any:
            return torch.func.jvp(_copying(function), (positions,), (direction,))[1]

        def gradient(weight: Any) -> Any:
            return torch.func.vjp(_copying(function), positions)[1](weight)[0]

        def gradients_alone(weights: Any) -> Any:
            return _gradients_alone(_copying(function), positions, weights)

        of_slopes = _batched(slope, size), _singly(slope)
        of_gradients = _batched(gradient, size), _singly(gradient), gradients_alone

        def forward(directions: Array) -> Array:
            try:
                return self._first_possible(_tensor(directions), *of_slopes)
            except _FAILURES as error:
                if self._is_exhausted(error):
                    raise
                raise OnlyGradientsError from error

        def backward(weights: Array) -> Array:
            try:
                return self._first_possible(_tensor(weights), *of_gradients)
            except _FAILURES as error:
                if self._is_exhausted(error):
                    raise
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                raise ValueError(
                    f"torch cannot differentiate {self.name} ({reason}); use operations that have "
                    "derivatives, or Function, which takes differences."
                ) from error

        return Products(features, forward=forward, backward=backward)

    def _first_possible(self, vectors: Any, *ways: Map) -> Array:
        """Return the products with vectors, by the first way that torch can take."""
        *others, last = ways
        for way in others:
            try:
                return _array(way(vectors))
            except _FAILURES as error:
                if self._is_exhausted(error):
                    raise
        return _array(last(vectors))

    def _values(self, found: Any) -> Array:
        """Return features as an array of double precision; others are refused."""
        import torch

        if not isinstance(found, torch.Tensor):
            raise TypeError(
                f"{self.name} must return a torch tensor of features, got {type(found).__name__}."
            )
        if found.layout != torch.strided:
            raise TypeError(
                f"{self.name} returns a sparse tensor, and a Jacobian needs all features; return "
                "it with .to_dense()."
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


def _copying(function: Map) -> Map:
    """Return a function of a copy of positions, since code may change its arguments in place."""
    return lambda positions: function(positions.clone())


def _batched(product: Map, size: float) -> Map:
    """Return the products with several vectors at once.

    They are compared with one product, once, and raise a RuntimeError if torch gives others: in
    version 2.13 those with the derivative of ``cdist`` are wrong. Where symmetry hides everything,
    products are rounding errors of derivatives of this size.
    """
    import torch

    checked = False

    def products(vectors: Any) -> Any:
        nonlocal checked
        if len(vectors) == 1:
            return product(vectors[0])[None]
        with warnings.catch_warnings():  # of operations that torch repeats
            warnings.filterwarnings("ignore", "There is a performance drop", UserWarning)
            found = torch.func.vmap(product)(vectors)
        if not checked:
            mixed = np.random.default_rng(5).normal(size=len(vectors))
            single = _array(product(torch.tensordot(_tensor(mixed), vectors, 1)))
            difference = np.linalg.norm(np.tensordot(mixed, _array(found), 1) - single)
            if difference > _DIFFERS * max(float(np.linalg.norm(_array(found))), size):
                raise RuntimeError("products at once differ from one")
            checked = True
        return found

    return products


def _singly(product: Map) -> Map:
    """Return the products with several vectors, one after the other."""
    import torch

    return lambda vectors: torch.stack([product(each) for each in vectors])


def _gradients_alone(function: Map, positions: Any, weights: Any) -> Any:
    """Return gradients of weighted sums of features, without the restrictions of ``torch.func``.

    Torch has these for every code that it differentiates at all. Slopes are not made from them by
    a second derivative: it is zero, without an error, where the first is not differentiable.
    """
    import torch

    with torch.enable_grad():
        given = positions.clone().requires_grad_()
        found = function(given)
    if not found.requires_grad:  # a constant
        return torch.zeros(len(weights), *positions.shape, dtype=torch.float64)

    def gradient(weight: Any) -> Any:
        (slopes,) = torch.autograd.grad(found, given, weight, retain_graph=True, allow_unused=True)
        return torch.zeros_like(positions) if slopes is None else slopes

    return torch.stack([gradient(weight) for weight in weights])


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
