"""JAX functions: the power spectrum written in JAX, derivatives, and what is refused."""

from __future__ import annotations

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import order_two
import pytest
from order_two import CUTOFF, TAKES, chain, ethanol

from sensitivity import diagnose, jacobian, spectrum, structures
from sensitivity.descriptors import automatic_jax
from sensitivity.descriptors.from_jax import Jax


def power_spectrum(*given):
    return order_two.power_spectrum(jnp, *given)


def of_order_two() -> Jax:
    return Jax(power_spectrum, cutoff=CUTOFF, takes=TAKES, order=2)


@pytest.mark.parametrize("name", order_two.STRUCTURES)
@pytest.mark.parametrize("centers", [None, [0]])
def test_the_power_spectrum_has_the_native_singular_values(name: str, centers) -> None:
    order_two.assert_native(of_order_two(), name, centers)


@jax.custom_vjp
def with_gradients_only(x):
    return jnp.exp(x)


def remember(x):
    return jnp.exp(x), jnp.exp(x)


def pull_back(values, weight):
    return (weight * values,)


with_gradients_only.defvjp(remember, pull_back)


@jax.custom_vjp
def with_one_gradient(x):
    return jnp.exp(x)


def pull_back_once(values, weight):
    """Return the gradient by a loop of unknown length, which cannot be transposed."""

    def body(state):
        return state[0] + 1, state[1] + values * weight / 8

    return (jax.lax.while_loop(lambda state: state[0] < 8, body, (0, 0.0 * values))[1],)


with_one_gradient.defvjp(remember, pull_back_once)


def with_slopes_only(x):
    """Return exp(x) as 1 / exp(-x / 8)^8, by a loop of unknown length."""

    def body(state):
        return state[0] + 1, state[1] / jnp.exp(-x / 8)

    return jax.lax.while_loop(lambda state: state[0] < 8, body, (0, jnp.ones_like(x)))[1]


@pytest.mark.parametrize(
    "exponential", [jnp.exp, with_gradients_only, with_one_gradient, with_slopes_only]
)
@pytest.mark.parametrize("centers", [[0], [0, 3], None])
@pytest.mark.parametrize("count", [1, 40])
def test_each_way_gives_the_same_jacobian(exponential, centers, count: int) -> None:
    widths = np.arange(1.0, count + 1.0)

    def function(positions, exponential=exponential):
        squares = ((positions[:, None] - positions) ** 2).sum(axis=-1)
        return exponential(-squares[:, :, None] / widths).sum(axis=1)

    atoms = ethanol()
    ours = jacobian(atoms, Jax(function, cutoff=20.0), centers=centers).dense()
    with jax.enable_x64(True):
        theirs = jax.jacfwd(lambda x: function(x, jnp.exp))(atoms.positions)
    rows = range(len(atoms)) if centers is None else centers
    known = np.asarray(theirs)[list(rows)].reshape(len(ours), -1)
    assert np.abs(ours - known).max() <= 1e-14 * np.abs(known).max()


def test_functions_are_compiled_once_for_each_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []

    def shells(positions):
        traced.append(positions)
        squares = ((positions[:, None] - positions) ** 2).sum(axis=-1)
        return jnp.exp(-squares[:, :, None]).sum(axis=1)

    descriptor, atoms = Jax(shells, cutoff=20.0), ethanol()
    jacobian(atoms, descriptor, centers=[0])
    known = len(traced)
    for _ in range(3):
        atoms.rattle(0.01, rng=np.random.default_rng(5))
        jacobian(atoms, descriptor, centers=[0])
    assert len(traced) == known


def test_values_may_decide_what_a_function_does() -> None:
    """It cannot be compiled, and is evaluated step by step."""

    def nearest(positions):
        lengths = jnp.linalg.norm(positions[1:] - positions[0], axis=1)
        if lengths[0] < 2.0:
            return jnp.stack([lengths[0], lengths.sum()])
        return jnp.stack([lengths[1], lengths.sum()])

    def visible(positions):
        lengths = jnp.linalg.norm(positions[1:] - positions[0], axis=1)
        return jnp.sort(lengths[lengths < 20.0]) ** 2

    atoms = structures.load("generic")
    assert spectrum(atoms, Jax(nearest, cutoff=20.0), centers=[0]).rank == 2

    def noisy(positions):
        return nearest(positions) + np.random.default_rng().normal()

    with pytest.raises(ValueError, match="is random: two calls"):
        spectrum(atoms, Jax(noisy, cutoff=20.0), centers=[0])

    assert spectrum(atoms, Jax(visible, cutoff=20.0), centers=[0]).rank == 4


def test_nothing_global_is_changed() -> None:
    jacobian(ethanol(), Jax(lambda x: jnp.exp(-(x**2)).sum(axis=1)[:, None], cutoff=20.0))
    assert not jax.config.jax_enable_x64
    assert jnp.ones(1).dtype == jnp.float32


def test_functions_that_are_refused() -> None:
    atoms = ethanol()
    for function, kind, message in (
        (
            lambda x: x.astype(jnp.float32).sum(axis=1)[:, None],
            TypeError,
            "returns float32, too coarse .* leave dtype=float32 and astype out",
        ),
        (lambda x: jnp.argsort(x[:, 0])[:, None], TypeError, "returns integers"),
        (lambda x: (x, x), TypeError, "must return a JAX array of features, got tuple"),
        (np.asarray, TypeError, "must return a JAX array of features, got ndarray"),
        (lambda x: np.ones((9, 2)), TypeError, "must return a JAX array of features, got ndarray"),
        (lambda x: 3.0, TypeError, "must return a JAX array of features, got float"),
        (lambda x: None, TypeError, "must return a JAX array of features, got NoneType"),
        (lambda x: x[:2], ValueError, "must return features of shape"),
        (lambda x: x * jnp.nan, ValueError, "NaN or infinite"),
        (
            lambda x: x + np.random.default_rng().normal(),
            ValueError,
            "is random: two calls, compiled separately",
        ),
    ):
        with pytest.raises(kind, match=message):
            spectrum(atoms, Jax(function, cutoff=20.0), centers=[0])
    with pytest.raises(ValueError, match="takes must be names out of positions, numbers"):
        Jax(lambda x: x, cutoff=3.0, takes=("numbers",))
    for wrong in (3, {"weights": np.ones(3)}, dict):
        with pytest.raises(TypeError, match=r"function must be a function .*; (pass|create)"):
            Jax(wrong, cutoff=3.0)


def test_an_operation_without_derivatives_is_named() -> None:
    def called(x):
        return jax.pure_callback(np.exp, jax.ShapeDtypeStruct(x.shape, x.dtype), -(x**2))

    descriptor = Jax(called, cutoff=20.0)
    with pytest.raises(ValueError, match=r"JAX cannot differentiate called .*or Function, which"):
        descriptor._gradients(ethanol(), (0,))


def called_back(given, announced=jnp.float64):
    """Return a function that JAX calls back, in Python, and announces with a dtype."""

    def function(x):
        return jax.pure_callback(
            given, jax.ShapeDtypeStruct(x.shape, announced), x, vmap_method="sequential"
        )

    return function


def with_slopes_of(given):
    """Return exp(x) with slopes that JAX calls back."""
    exponential = jax.custom_jvp(jnp.exp)
    slope = called_back(given)
    exponential.defjvp(lambda at, along: (exponential(*at), slope(*along)))
    return exponential


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (called_back(np.float32), "output dtype .* Expected: float64, Actual: float32"),
        (called_back(np.float64, jnp.float32), "output dtype .* Expected: float32, Actual: float6"),
        (called_back(lambda x: np.asarray(x)[:2]), r"output shape .* Actual: \(2, 3\)"),
        (called_back(lambda x: None), "number of outputs .* Expected: 1, Actual: 0"),
        (called_back(lambda x: int("one")), "ValueError: invalid literal for int"),
        (with_slopes_of(np.float32), "output dtype .* Expected: float64, Actual: float32"),
    ],
)
def test_python_that_fails_when_it_is_called_back_is_a_sentence(function, reason: str) -> None:
    message = rf"^\w+ calls Python from JAX, as by pure_callback, and that .*{reason}.*\); announce"
    with pytest.raises(ValueError, match=message) as caught:
        spectrum(ethanol(), Jax(function, cutoff=20.0), centers=[0])
    assert "\n" not in str(caught.value)


def test_python_that_is_called_back_may_have_derivatives() -> None:
    @jax.custom_jvp
    def exponential(x):
        return called_back(np.exp)(x)

    @exponential.defjvp
    def slope(at, along):
        (x,), (direction,) = at, along
        return exponential(x), exponential(x) * direction

    ours = Jax(lambda x: exponential(-(x**2)), cutoff=20.0)
    theirs = Jax(lambda x: jnp.exp(-(x**2)), cutoff=20.0)
    found, known = (jacobian(ethanol(), each).dense() for each in (ours, theirs))
    assert np.abs(found - known).max() <= 1e-14 * np.abs(known).max()


def assigned(positions):
    found = np.zeros((len(positions), 2))
    for i, each in enumerate(positions):
        found[i, 0] = jnp.exp(-(each**2).sum())
    return jnp.asarray(found)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: jnp.asarray(np.exp(-(np.asarray(x) ** 2))),
        lambda x: jnp.exp(-jnp.asarray(np.linalg.norm(x, axis=1)[:, None])),
        lambda x: jnp.exp(-x * np.sum(np.sin(x))),
        lambda x: jnp.exp(-x * float(x.sum())),
        assigned,
    ],
)
def test_functions_of_numpy_are_named(function) -> None:
    message = r"passes positions to NumPy, or to float\); use functions of jax\.numpy, or Function"
    with pytest.raises(ValueError, match=message):
        spectrum(ethanol(), Jax(function, cutoff=20.0), centers=[0])


def test_derivatives_that_do_not_exist_have_a_remedy() -> None:
    def distances(x):
        return jnp.linalg.norm(x[:, None] - x, axis=-1)

    with pytest.raises(ValueError, match=r"derivatives are NaN or infinite, .*leave out what is"):
        spectrum(ethanol(), Jax(distances, cutoff=20.0))


def test_memory_that_a_structure_exhausts() -> None:
    def too_large(x):
        return jnp.sort(jnp.zeros(10**13) + x.sum())[:3] + x

    with pytest.raises(ValueError, match="needs more memory than there is; choose fewer centers"):
        spectrum(ethanol(), Jax(too_large, cutoff=20.0), centers=[0])


def test_positions_that_are_detached_are_refused() -> None:
    """Their derivative is zero for JAX, and not for differences."""
    descriptor = Jax(lambda x: jax.lax.stop_gradient(x[:, :1]) ** 3, cutoff=20.0)
    with pytest.raises(ValueError, match=r"derivatives are zero: positions are detached .*Func"):
        diagnose(ethanol(), descriptor, centers=[0])


def test_values_that_leave_jax_are_noticed() -> None:
    descriptor = Jax(lambda x: x[:, 1:] ** 2 + jax.lax.stop_gradient(x[:, :1]) ** 3, cutoff=20.0)
    spectrum(ethanol(), descriptor, centers=[0])
    assert "own gradient differs from central differences" in " ".join(descriptor.remarks)


def test_message_passing_sees_farther_than_its_pairs() -> None:
    def passed(positions, pairs, shifts):
        vectors = positions[pairs[1]] + shifts - positions[pairs[0]]
        r = jnp.linalg.norm(vectors, axis=1)
        weight, rows = (1 - (r / 2.0) ** 2) ** 3, jnp.zeros((len(positions), 2))
        first = rows.at[pairs[0]].add(jnp.stack([weight, weight * r], axis=1))
        return rows.at[pairs[0]].add(first[pairs[1]] * weight[:, None])

    atoms = chain(24, spacing=1.5, size=0.1)
    takes = ("positions", "pairs", "shifts")
    right = Jax(passed, cutoff=4.0, takes=takes, pairs_within=2.0)
    wrong = Jax(passed, cutoff=2.0, takes=takes)
    exact, found = (jacobian(atoms, each).dense() for each in (right, wrong))
    assert np.abs(exact - found).max() <= 1e-14 * np.abs(exact).max()
    assert right.trust.local
    assert not wrong.trust.local


def test_memory_that_is_exhausted(monkeypatch: pytest.MonkeyPatch) -> None:
    known, compiled, sizes = jacobian(ethanol(), of_order_two()).dense(), automatic_jax.compiled, []

    def with_little_memory(function):
        def limited(vectors, *others):
            sizes.append(len(vectors))
            if isinstance(function, automatic_jax._Product) and len(vectors) > 8:
                raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating ...")
            return compiled(function)(vectors, *others)

        return limited

    monkeypatch.setattr(automatic_jax, "compiled", with_little_memory)
    found = jacobian(ethanol(), of_order_two()).dense()
    assert np.abs(found - known).max() <= 1e-14 * np.abs(known).max()
    assert max(sizes) > 8


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jax", None)
    with pytest.raises(ImportError, match=r'"atomic-sensitivity\[jax\]" \(version 0\.10\.2 is'):
        Jax(power_spectrum, cutoff=3.0)


def test_its_expression_and_text() -> None:
    takes = ("positions", "numbers")
    descriptor = Jax(power_spectrum, cutoff=3.0, takes=takes, pairs_within=2.0)
    assert repr(descriptor) == "Jax(power_spectrum, cutoff=3)"
    line, expression = descriptor.python()
    names: dict[str, object] = {"power_spectrum": power_spectrum}
    exec(line, names)
    again = eval(expression, names)
    assert (again.takes, again.pairs_within, again.cutoff) == (takes, 2.0, 3.0)
    copied = pickle.loads(pickle.dumps(descriptor))
    assert copied.takes == takes


def test_a_row_of_the_whole_structure_belongs_to_one_center() -> None:
    def eigenvalues(positions):
        squares = ((positions[:, None] - positions) ** 2).sum(axis=-1)
        return jnp.linalg.eigvalsh(jnp.exp(-squares))

    atoms = structures.load("generic")
    found = diagnose(atoms, Jax(eigenvalues, cutoff=20.0), centers=[0])
    assert found.counts["sensitive"] == 4  # of 5: their sum is the trace, a constant
    with pytest.raises(ValueError, match="one row of features for the whole structure"):
        spectrum(atoms, Jax(eigenvalues, cutoff=20.0))
