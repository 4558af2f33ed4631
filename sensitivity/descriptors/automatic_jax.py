"""The base of adapters of JAX, which differentiates."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast

import numpy as np
from ase import Atoms

from sensitivity.descriptors.automatic import Automatic, OnlyGradientsError, Products
from sensitivity.numerics import Array

Map = Callable[..., Any]  # of arrays to an array

# Functions are compiled in half the time, and then take up to twice as long: seconds against
# milliseconds.
_QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
# What JAX says, and what its products of matrices say when they cannot allocate their result.
_EXHAUSTED = ("RESOURCE_EXHAUSTED", "YNNPACK operation failed")
# What JAX, or NumPy that JAX calls, raises where it cannot compile or differentiate.
_FAILURES = (TypeError, ValueError, IndexError, NotImplementedError)
_CALLED_BACK = "error calling callback"  # what JAX says where a Python function that it calls fails
_FEWEST = 8  # products at once: fewer are filled up, to share what is compiled


class Call(NamedTuple):
    """A function of positions, (N, 3), and of other arrays, and these."""

    function: Map  # equal ones are compiled once for each shape of their arguments
    others: tuple[Array, ...]


class AutomaticJax(Automatic):
    """A descriptor that JAX computes; a subclass has ``cutoff`` and ``_call``.

    Functions have double precision, and are compiled. Those that cannot be compiled, because values
    decide what they do, are evaluated step by step.
    """

    @abstractmethod
    def _call(self, atoms: Atoms, centers: tuple[int, ...]) -> Call:
        """Return what gives the features, (centers, features)."""

    def _is_exhausted(self, error: Exception) -> bool:
        return is_exhausted(error)

    def _features(self, atoms: Atoms, centers: tuple[int, ...]) -> Array:
        return self._evaluate(atoms, centers, compiled)

    def _evaluate(
        self, atoms: Atoms, centers: tuple[int, ...], compile_: Callable[[Map], Map]
    ) -> Array:
        import jax

        function, others = self._call(atoms, centers)
        given = atoms.positions, *others
        with jax.enable_x64(True), self._explained_callbacks():
            try:
                found = compile_(function)(*given)
            except (TypeError, ValueError, IndexError):  # of JAX, or of NumPy that JAX calls
                found = function(*map(jax.numpy.asarray, given))
            return self._values(found)

    def _linearize(self, atoms: Atoms, centers: tuple[int, ...]) -> Products:
        function, others = self._call(atoms, centers)

        def multiply(vectors: Array, *ways: Map) -> Array:
            padded = _fill_up(vectors), atoms.positions, *others
            maps = [_Product(way, function) for way in ways]
            return _multiplied(padded, maps)[: len(vectors)]

        def forward(directions: Array) -> Array:
            with self._explained_callbacks():
                try:
                    return multiply(directions, _slope)
                except _FAILURES as error:
                    raise OnlyGradientsError from error

        def backward(weights: Array) -> Array:
            with self._explained_callbacks():
                try:
                    return multiply(weights, _gradient, _gradient_by_forward)
                except _FAILURES as error:
                    reason, remedy = _explain(error)
                    raise ValueError(
                        f"JAX cannot differentiate {self.name} ({reason}); use {remedy}, or "
                        "Function, which takes differences."
                    ) from error

        return Products(self._features(atoms, centers), forward=forward, backward=backward)

    @contextmanager
    def _explained_callbacks(self) -> Iterator[None]:
        """Raise a ValueError if a Python function that JAX calls back in a block fails."""
        import jax

        try:
            yield
        except jax.errors.JaxRuntimeError as error:
            if _CALLED_BACK not in str(error):
                raise
            raise ValueError(
                f"{self.name} calls Python from JAX, as by pure_callback, and that failed "
                f"({_said_last(str(error))}); announce and return float64 of one shape, or use "
                "Function, which takes differences of any Python code."
            ) from error

    def _values(self, found: Any) -> Array:
        """Return features as an array of double precision; others are refused."""
        import jax

        floating = jax.numpy.issubdtype(found.dtype, jax.numpy.floating)
        if floating and found.dtype != np.float64:
            raise TypeError(
                f"{self.name} returns {found.dtype}, too coarse for small singular values; leave "
                "dtype=float32 and astype out, and give parameters double precision, such as with "
                'jax.config.update("jax_enable_x64", True) before they are made.'
            )
        return np.asarray(found)


def _multiplied(given: tuple[Array, ...], maps: list[_Product]) -> Array:
    """Return the products by the first map that JAX can differentiate."""
    import jax

    ways = [way for each in maps for way in (compiled(each), each)]
    with jax.enable_x64(True):
        while True:
            try:
                return np.asarray(ways.pop(0)(*map(jax.numpy.asarray, given)))
            except _FAILURES:
                if not ways:
                    raise


def is_exhausted(error: Exception) -> bool:
    """Return True for an error that says that memory is exhausted."""
    return isinstance(error, MemoryError) or any(each in str(error) for each in _EXHAUSTED)


@dataclass(frozen=True)
class _Product:
    """Products of several vectors with the Jacobian of a function."""

    way: Map  # of a function of positions, positions, and one vector
    function: Map

    def __call__(self, vectors: Any, positions: Any, *others: Any) -> Any:
        import jax

        function = partial(_swapped, self.function, others)
        return jax.vmap(lambda vector: self.way(function, positions, vector))(vectors)


def _said_last(text: str) -> str:
    """Return the line of a traceback, after its heading, that states the error."""
    heading, *lines = text.splitlines()
    return next((line for line in lines if line[:1].strip()), heading)


def _explain(error: Exception) -> tuple[str, str]:
    """Return why JAX cannot differentiate, and what to use instead."""
    import jax

    needs_numbers = jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError
    if isinstance(error, needs_numbers) or isinstance(error.__cause__, needs_numbers):
        return "it passes positions to NumPy, or to float", "functions of jax.numpy"
    return str(error).splitlines()[0], "operations that have derivatives"


def _swapped(function: Map, others: tuple[Any, ...], positions: Any) -> Any:
    return function(positions, *others)


def _slope(function: Map, positions: Any, direction: Any) -> Any:
    import jax

    return jax.jvp(function, (positions,), (direction,))[1]


def _gradient(function: Map, positions: Any, weight: Any) -> Any:
    import jax

    return jax.vjp(function, positions)[1](weight)[0]


def _gradient_by_forward(function: Map, positions: Any, weight: Any) -> Any:
    """Return the gradient if a function has slopes only."""
    import jax

    each = jax.numpy.eye(positions.size).reshape(-1, *positions.shape)
    slopes = jax.vmap(lambda direction: _slope(function, positions, direction))(each)
    return (slopes * weight).sum(axis=(1, 2)).reshape(positions.shape)


@lru_cache(maxsize=128)
def compiled(function: Map) -> Map:
    """Return a function that is compiled for each shape of its arguments."""
    import jax

    return cast(Map, jax.jit(function, compiler_options=_QUICKLY))


def compile_anew(function: Map) -> Map:
    """Return a function that is compiled again when it is called first."""

    def again(*given: Any) -> Any:  # JAX remembers what it has compiled by the function
        return function(*given)

    return compiled(again)


def _fill_up(vectors: Array) -> Array:
    """Return vectors followed by zeros: a power of 2, so that few shapes are compiled."""
    size = max(_FEWEST, 1 << (len(vectors) - 1).bit_length())
    return np.concatenate([vectors, np.zeros((size - len(vectors), *vectors.shape[1:]))])
