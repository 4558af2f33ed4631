"""Torch functions: the power spectrum written in torch, derivatives, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
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
from sensitivity.descriptors.from_torch import Torch
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


def bessel(x: torch.Tensor) -> list[torch.Tensor]:
    """Return j_0 ... j_l by their recurrence upward, which is stable if x is not small."""
    found = [torch.sin(x) / x, torch.sin(x) / x**2 - torch.cos(x) / x]
    for l in range(2, L_MAX + 1):
        found.append((2 * l - 1) / x * found[-1] - found[-2])
    return found


def legendre(x: torch.Tensor) -> list[torch.Tensor]:
    found = [torch.ones_like(x), x]
    for l in range(2, L_MAX + 1):
        found.append(((2 * l - 1) * x * found[-1] - (l - 1) * found[-2]) / l)
    return found


def radial(r: torch.Tensor) -> list[torch.Tensor]:
    """Return the functions of each degree, times the cutoff function, each (pairs, n)."""
    phase = torch.clamp((r - CUTOFF + WIDTH) / WIDTH, 0, 1)
    fades, found = 0.5 * (1 + torch.cos(np.pi * phase)), []
    for l, zeros in enumerate(spherical_bessel_zeros(N_MAX, L_MAX)):
        norms = np.sqrt(2 / CUTOFF**3) / np.abs(spherical_jn(l + 1, zeros))
        values = bessel(torch.tensor(zeros) * r[:, None] / CUTOFF)[l]
        found.append(torch.tensor(norms) * values * fades[:, None])
    return found


def power_spectrum(positions, numbers, pairs, shifts):
    """Sum over pairs of neighbours, by the addition theorem, instead of over m."""
    vectors = positions[pairs[1]] + shifts - positions[pairs[0]]
    r = torch.linalg.vector_norm(vectors, dim=1)
    kinds = (numbers[pairs[1], None] == torch.unique(numbers)).double()
    channels = [(kinds[:, :, None] * each[:, None]).flatten(1) for each in radial(r)]
    rows = []
    for center in range(len(positions)):
        mine = torch.nonzero(pairs[0] == center)[:, 0]
        units = vectors[mine] / r[mine, None]
        angular = legendre(units @ units.T)
        for l, each in enumerate(channels):
            products = each[mine].T @ angular[l] @ each[mine] * np.sqrt(2 * l + 1) / (4 * np.pi)
            i, j = torch.triu_indices(*products.shape)
            unlike = (i // N_MAX != j // N_MAX).double()  # species
            rows.append(products[i, j] * 2 ** (unlike / 2))
    return torch.stack(rows).reshape(len(positions), -1)


def of_order_two(**changes) -> Torch:
    takes = ("positions", "numbers", "pairs", "shifts")
    return Torch(power_spectrum, cutoff=CUTOFF, takes=takes, order=2, **changes)


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


class Exponential(torch.autograd.Function):
    """An operation for which torch has neither batches nor forward derivatives."""

    @staticmethod
    def forward(context, x):
        y = torch.exp(x)
        context.save_for_backward(y)
        return y

    @staticmethod
    def backward(context, slope):
        return slope * context.saved_tensors[0]


class Forward(torch.autograd.Function):
    """An operation for which torch has no batches."""

    @staticmethod
    def forward(x):
        return torch.exp(x)

    @staticmethod
    def setup_context(context, inputs, output):
        context.save_for_backward(output)
        context.save_for_forward(output)

    @staticmethod
    def backward(context, slope):
        return slope * context.saved_tensors[0]

    @staticmethod
    def jvp(context, tangent):
        return tangent * context.saved_tensors[0]


@pytest.mark.parametrize("exponential", [torch.exp, Forward.apply, Exponential.apply])
@pytest.mark.parametrize("centers", [[0], [0, 3], None])
@pytest.mark.parametrize("count", [1, 40])
def test_each_way_gives_the_same_jacobian(exponential, centers, count: int) -> None:
    widths = torch.arange(1.0, count + 1.0, dtype=torch.float64)

    def function(positions, exponential=exponential):
        squares = ((positions[:, None] - positions) ** 2).sum(dim=-1)
        return exponential(-squares[:, :, None] / widths).sum(dim=1)

    atoms = ethanol()
    ours = jacobian(atoms, Torch(function, cutoff=20.0), centers=centers).dense()
    theirs = torch.autograd.functional.jacobian(
        lambda x: function(x, torch.exp), torch.tensor(atoms.positions)
    )
    rows = range(len(atoms)) if centers is None else centers
    known = theirs[list(rows)].reshape(len(ours), -1).numpy()
    assert np.abs(ours - known).max() <= 1e-14 * np.abs(known).max()


class Net(torch.nn.Module):
    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(3, 16),
            torch.nn.SiLU(),
            torch.nn.Dropout(dropout),
            torch.nn.Linear(16, 5),
        )

    def forward(self, positions: torch.Tensor) -> torch.Tensor:
        lengths = torch.linalg.vector_norm(positions[1:] - positions[:1], dim=1)
        moments = torch.stack([(lengths**k).sum() for k in (1, 2, 3)])
        return self.layers(moments / 10)


def ready(net: Net) -> Net:
    return net.double().eval()


def test_a_model() -> None:
    found = diagnose(structures.load("generic"), Torch(ready(Net()), cutoff=20), centers=[0])
    assert found.counts["sensitive"] == 3
    assert found.descriptor.name == "Net"


def through(net: Net):
    def features(positions):
        return net(positions)

    return features


@pytest.mark.parametrize("wrap", [lambda net: net, through, lambda net: net.forward])
def test_models_that_are_not_ready_are_refused(wrap) -> None:
    with pytest.raises(ValueError, match=r"training mode .*; call \.eval\(\) on the model first"):
        Torch(wrap(Net(dropout=0.5).double()), cutoff=20)
    with pytest.raises(ValueError, match=r"parameters of float32 \(Net\); call \.double\(\)"):
        Torch(wrap(Net().eval()), cutoff=20)
    net = ready(Net(dropout=0.5))
    descriptor = Torch(wrap(net), cutoff=20)
    net.layers[2].train()
    with pytest.raises(ValueError, match=r"training mode \(Dropout of Net\)"):
        spectrum(ethanol(), descriptor, centers=[0])


def test_functions_that_are_refused() -> None:
    atoms = ethanol()
    for function, kind, message in (
        (
            lambda x: x.float().sum(dim=1)[:, None],
            TypeError,
            "returns float32, too coarse",
        ),
        (lambda x: x[:, 0].argsort()[:, None], TypeError, "returns integers"),
        (lambda x: x.numpy(), TypeError, "must return a torch tensor of features, got ndarray"),
        (lambda x: x[:2], ValueError, "must return features of shape"),
        (lambda x: x * torch.nan, ValueError, "NaN or infinite"),
        (lambda x: x + torch.rand_like(x), ValueError, "is random: two calls"),
    ):
        with pytest.raises(kind, match=message):
            spectrum(atoms, Torch(function, cutoff=20.0), centers=[0])
    with pytest.raises(ValueError, match="takes must be names out of positions, numbers"):
        Torch(lambda x: x, cutoff=3.0, takes=("numbers",))
    with pytest.raises(ValueError, match="pairs_within must be above 0 and at most the cutoff"):
        Torch(lambda x: x, cutoff=3.0, pairs_within=4.0)
    with pytest.raises(TypeError, match="function must be a function"):
        Torch(3, cutoff=3.0)


class Unknown(torch.autograd.Function):
    """An operation without derivatives."""

    @staticmethod
    def forward(context, x):
        return torch.exp(x)


def test_an_operation_without_derivatives_is_named() -> None:
    descriptor = Torch(lambda x: Unknown.apply(-x.norm(dim=1)), cutoff=20.0)
    with pytest.raises(ValueError, match=r"torch cannot differentiate a function .*or Function"):
        descriptor._gradients(ethanol(), (0,))


def test_values_that_leave_torch_are_noticed() -> None:
    """Their derivative is zero for torch, and not for differences."""
    descriptor = Torch(lambda x: x.detach().norm(dim=1)[:, None] ** 3, cutoff=20.0)
    spectrum(ethanol(), descriptor, centers=[0])
    assert "own gradient differs from central differences" in " ".join(descriptor.remarks)


def test_message_passing_sees_farther_than_its_pairs() -> None:
    def passed(positions, pairs, shifts):
        vectors = positions[pairs[1]] + shifts - positions[pairs[0]]
        r = torch.linalg.vector_norm(vectors, dim=1)
        weight, rows = (1 - (r / 2.0) ** 2) ** 3, positions.new_zeros(len(positions), 2)
        first = rows.index_add(0, pairs[0], torch.stack([weight, weight * r], dim=1))
        return rows.index_add(0, pairs[0], first[pairs[1]] * weight[:, None])

    along = np.arange(24)[:, None] * [1.5, 0.0, 0.0]
    chain = Atoms("C24", along + np.random.default_rng(3).normal(scale=0.1, size=(24, 3)))
    takes = ("positions", "pairs", "shifts")
    right = Torch(passed, cutoff=4.0, takes=takes, pairs_within=2.0)
    wrong = Torch(passed, cutoff=2.0, takes=takes)
    exact, found = (jacobian(chain, each).dense() for each in (right, wrong))
    assert np.abs(exact - found).max() <= 1e-14 * np.abs(exact).max()
    assert right.trust.local
    assert not wrong.trust.local


def test_memory_that_is_exhausted(monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor, known = of_order_two(), jacobian(ethanol(), of_order_two()).dense()
    vmap, sizes = torch.func.vmap, list[int]()

    def small(product):
        def limited(given):
            sizes.append(len(given))
            if len(given) > 4:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")
            return vmap(product)(given)

        return limited

    monkeypatch.setattr(torch.func, "vmap", small)
    assert np.abs(jacobian(ethanol(), descriptor).dense() - known).max() == 0
    assert max(sizes) > 4


def test_its_expression_and_text() -> None:
    takes = ("positions", "numbers")
    descriptor = Torch(power_spectrum, cutoff=3.0, takes=takes, pairs_within=2.0)
    assert repr(descriptor) == "Torch(power_spectrum, cutoff=3)"
    line, expression = descriptor.python()
    names: dict[str, object] = {"power_spectrum": power_spectrum}
    exec(line, names)
    again = eval(expression, names)
    assert (again.takes, again.pairs_within, again.cutoff) == (takes, 2.0, 3.0)
