"""JAX functions: the power spectrum written in JAX, derivatives, and what is refused."""

from __future__ import annotations

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from scipy.special import spherical_jn

from sensitivity import (
    DensityCorrelations,
    SphericalBessel,
    diagnose,
    jacobian,
    spectrum,
    structures,
)
from sensitivity.descriptors import automatic_jax
from sensitivity.descriptors.from_jax import Jax
from sensitivity.descriptors.radial import spherical_bessel_zeros

CUTOFF, WIDTH, N_MAX, L_MAX = 3.5, 0.5, 3, 3
EXACT = 1e-12  # of the largest singular value
NATIVE = DensityCorrelations(
    cutoff=CUTOFF,
    cutoff_width=WIDTH,
    n_max=N_MAX,
    l_max=L_MAX,
    basis=SphericalBessel(),
    smearing=0.0,
)
ZEROS = np.array(spherical_bessel_zeros(N_MAX, L_MAX))  # [l, n]
NORMS = np.sqrt(2 / CUTOFF**3) / np.abs(spherical_jn(np.arange(1, L_MAX + 2)[:, None], ZEROS))


def bessel(x: jax.Array) -> list[jax.Array]:
    """Return j_0 ... j_l by their recurrence upward, which is stable if x is not small."""
    found = [jnp.sin(x) / x, jnp.sin(x) / x**2 - jnp.cos(x) / x]
    for l in range(2, L_MAX + 1):
        found.append((2 * l - 1) / x * found[-1] - found[-2])
    return found


def legendre(x: jax.Array) -> list[jax.Array]:
    found = [jnp.ones_like(x), x]
    for l in range(2, L_MAX + 1):
        found.append(((2 * l - 1) * x * found[-1] - (l - 1) * found[-2]) / l)
    return found


def power_spectrum(positions, numbers, pairs, shifts):
    """Sum over pairs of neighbours of a center, by the addition theorem, instead of over m."""
    vectors = positions[pairs[1]] + shifts - positions[pairs[0]]
    r = jnp.linalg.norm(vectors, axis=1)
    units = vectors / r[:, None]
    phase = jnp.clip((r - CUTOFF + WIDTH) / WIDTH, 0, 1)
    fades = 0.5 * (1 + jnp.cos(np.pi * phase))
    kinds = jnp.asarray(numbers)[pairs[1], None] == np.unique(numbers)
    same = (pairs[0][:, None] == pairs[0]) * 1.0
    angular = legendre(units @ units.T)
    rows = []
    for l in range(L_MAX + 1):
        radial = NORMS[l] * bessel(ZEROS[l] * r[:, None] / CUTOFF)[l] * fades[:, None]  # [pair, n]
        channels = (kinds[:, :, None] * radial[:, None]).reshape(len(r), kinds.shape[1] * N_MAX)
        around = jax.ops.segment_sum(  # of each pair, summed over the others of its center
            channels[:, :, None] * ((same * angular[l]) @ channels)[:, None],
            pairs[0],
            num_segments=len(positions),
        )
        i, j = np.triu_indices(channels.shape[1])
        unlike = i // N_MAX != j // N_MAX  # species
        weights = np.sqrt(2 * l + 1) / (4 * np.pi) * np.sqrt(2.0) ** unlike
        rows.append(around[:, i, j] * weights)
    return jnp.concatenate(rows, axis=1)


TAKES = ("positions", "numbers", "pairs", "shifts")


def of_order_two() -> Jax:
    return Jax(power_spectrum, cutoff=CUTOFF, takes=TAKES, order=2)


def ethanol() -> Atoms:
    atoms = molecule("CH3CH2OH")
    atoms.rattle(0.05, seed=1)
    return atoms


def rattled_silicon() -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=2)
    return atoms


@pytest.mark.parametrize("make", [ethanol, rattled_silicon, lambda: structures.load("Td")])
@pytest.mark.parametrize("centers", [None, [0]])
def test_the_power_spectrum_has_the_native_singular_values(make, centers) -> None:
    atoms = make()
    ours = spectrum(atoms, of_order_two(), centers=centers).singular_values
    native = spectrum(atoms, NATIVE, centers=centers).singular_values
    assert np.abs(ours - native).max() <= EXACT * native.max()


@jax.custom_vjp
def with_gradients_only(x):
    return jnp.exp(x)


def remember(x):
    return jnp.exp(x), jnp.exp(x)


def pull_back(values, weight):
    return (weight * values,)


with_gradients_only.defvjp(remember, pull_back)


def with_slopes_only(x):
    """Return exp(x) as 1 / exp(-x / 8)^8, by a loop of unknown length."""

    def body(state):
        return state[0] + 1, state[1] / jnp.exp(-x / 8)

    return jax.lax.while_loop(lambda state: state[0] < 8, body, (0, jnp.ones_like(x)))[1]


@pytest.mark.parametrize("exponential", [jnp.exp, with_gradients_only, with_slopes_only])
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
    with pytest.raises(TypeError, match="function must be a function"):
        Jax(3, cutoff=3.0)


def test_an_operation_without_derivatives_is_named() -> None:
    def called(x):
        return jax.pure_callback(np.exp, jax.ShapeDtypeStruct(x.shape, x.dtype), -(x**2))

    descriptor = Jax(called, cutoff=20.0)
    with pytest.raises(ValueError, match=r"JAX cannot differentiate called .*or Function, which"):
        descriptor._gradients(ethanol(), (0,))


def test_values_that_leave_jax_are_noticed() -> None:
    """Their derivative is zero for JAX, and not for differences."""
    descriptor = Jax(lambda x: jax.lax.stop_gradient(x[:, :1]) ** 3, cutoff=20.0)
    spectrum(ethanol(), descriptor, centers=[0])
    assert "own gradient differs from central differences" in " ".join(descriptor.remarks)


def test_message_passing_sees_farther_than_its_pairs() -> None:
    def passed(positions, pairs, shifts):
        vectors = positions[pairs[1]] + shifts - positions[pairs[0]]
        r = jnp.linalg.norm(vectors, axis=1)
        weight, rows = (1 - (r / 2.0) ** 2) ** 3, jnp.zeros((len(positions), 2))
        first = rows.at[pairs[0]].add(jnp.stack([weight, weight * r], axis=1))
        return rows.at[pairs[0]].add(first[pairs[1]] * weight[:, None])

    along = np.arange(24)[:, None] * [1.5, 0.0, 0.0]
    chain = Atoms("C24", along + np.random.default_rng(3).normal(scale=0.1, size=(24, 3)))
    takes = ("positions", "pairs", "shifts")
    right = Jax(passed, cutoff=4.0, takes=takes, pairs_within=2.0)
    wrong = Jax(passed, cutoff=2.0, takes=takes)
    exact, found = (jacobian(chain, each).dense() for each in (right, wrong))
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
