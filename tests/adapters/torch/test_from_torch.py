"""Torch functions: the power spectrum written in torch, derivatives, and what is refused."""

from __future__ import annotations

import collections
from functools import lru_cache, partial
from types import SimpleNamespace

import numpy as np
import order_two
import pytest
import torch
from order_two import CUTOFF, TAKES, chain, ethanol

from sensitivity import diagnose, jacobian, spectrum, structures
from sensitivity.descriptors.from_torch import Torch


def power_spectrum(*given):
    return order_two.power_spectrum(torch, *given)


def of_order_two(**changes) -> Torch:
    return Torch(power_spectrum, cutoff=CUTOFF, takes=TAKES, order=2, **changes)


@pytest.mark.parametrize("name", order_two.STRUCTURES)
@pytest.mark.parametrize("centers", [None, [0]])
def test_the_power_spectrum_has_the_native_singular_values(name: str, centers) -> None:
    order_two.assert_native(of_order_two(), name, centers)


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


class Once(Exponential):
    """An operation whose derivative has none: a second one is zero for torch, without an error."""

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, slope):
        return slope * context.saved_tensors[0]


@pytest.mark.parametrize(
    "exponential",
    [torch.exp, Forward.apply, Exponential.apply, Once.apply],
    ids=["torch", "forward", "both", "once"],
)
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


def by_subtraction(x):
    i, j = torch.triu_indices(len(x), len(x), 1)
    return i, j, (x[i] - x[j]).norm(dim=1)


def by_pdist(x):
    return *torch.triu_indices(len(x), len(x), 1), torch.nn.functional.pdist(x)


def by_cdist(x):
    i, j = torch.triu_indices(len(x), len(x), 1)
    return i, j, torch.cdist(x, x)[i, j]


WIDTHS = torch.arange(1.0, 13.0, dtype=torch.float64)


def shells(x, distances=by_subtraction):
    i, j, r = distances(x)
    values = torch.exp(-((r[:, None] - WIDTHS / 3) ** 2) * 4) * (1 - (r[:, None] / 20) ** 2) ** 3
    return x.new_zeros(len(x), 12).index_add(0, i, values).index_add(0, j, values)


@pytest.mark.parametrize("distances", [by_cdist, by_pdist])
@pytest.mark.parametrize("centers", [[0], [0, 3], None])
def test_distances_of_torch_that_it_differentiates_only_backward(distances, centers) -> None:
    atoms = ethanol()
    known = jacobian(atoms, Torch(shells, cutoff=20.0), centers=centers).dense()
    descriptor = Torch(partial(shells, distances=distances), cutoff=20.0)
    found = jacobian(atoms, descriptor, centers=centers).dense()
    assert np.abs(found - known).max() <= 1e-13 * np.abs(known).max()
    assert descriptor.remarks == ()


def in_bohr(positions, pairs, shifts):
    vectors = (positions[pairs[1]] + shifts - positions[pairs[0]]) * 1.8897
    r = torch.linalg.vector_norm(vectors, dim=1)[:, None] / (1.8897 * 4)
    values = torch.exp(-((r - WIDTHS / 12) ** 2) * 40) * (1 - r**2) ** 3
    return positions.new_zeros(len(positions), 12).index_add(0, pairs[0], values)


def in_bohr_in_place(positions, pairs, shifts):
    positions *= 1.8897
    shifts *= 1.8897
    positions -= positions.mean(dim=0)
    positions /= 1.8897
    shifts /= 1.8897
    found = in_bohr(positions, pairs, shifts)
    positions *= 2
    shifts *= 3
    pairs += 1
    return found


@pytest.mark.parametrize("name", ["ethanol", "rattled silicon"])
def test_functions_may_change_their_arguments(name: str) -> None:
    atoms, takes = order_two.STRUCTURES[name], ("positions", "pairs", "shifts")
    known, found = (
        Torch(function, cutoff=4.0, takes=takes) for function in (in_bohr, in_bohr_in_place)
    )
    before = atoms.positions.copy()
    assert np.abs(found.features(atoms) - known.features(atoms)).max() <= 1e-13
    exact, ours = (jacobian(atoms, each).dense() for each in (known, found))
    assert np.abs(ours - exact).max() <= 1e-12 * np.abs(exact).max()
    assert found.remarks == ()
    assert np.array_equal(atoms.positions, before)


def forces(x):
    x = x.requires_grad_(True)
    energy = shells(x).pow(2).sum()
    return torch.autograd.grad(energy, x, create_graph=True)[0].norm(dim=1, keepdim=True)


def test_functions_may_have_derivatives_inside() -> None:
    atoms = ethanol()
    exact = torch.autograd.functional.jacobian(forces, torch.tensor(atoms.positions))
    exact = exact.reshape(len(atoms), -1).numpy()
    found = jacobian(atoms, Torch(forces, cutoff=20.0)).dense()
    assert np.abs(found - exact).max() <= 1e-13 * np.abs(exact).max()


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


class Holder:
    """A model in an attribute, which is called by another method."""

    def __init__(self, net: Net) -> None:
        self.parts = SimpleNamespace(net=net)

    def evaluate(self, positions):
        return self.parts.net(positions)

    def __call__(self, positions):
        return self.evaluate(positions)


def in_containers(net: Net):
    models = {"first": [net]}

    def features(positions, chosen):
        return chosen[0]["first"][0](positions)

    return partial(features, chosen=collections.deque([models]))


def call(models, positions):
    return models[0](positions)


class Plain(torch.nn.Module):
    """Parameters, and no further modules."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.ones(5))

    def forward(self, positions: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.dropout(self.weights * positions.norm(), 0.5, self.training)


@pytest.mark.parametrize(
    "hide",
    [
        Holder,
        lambda net: Holder(net).evaluate,
        in_containers,
        lambda net: partial(call, [net]),
        lambda net: partial(partial(call), (net,)),
        lambda net: lru_cache(partial(call, (net,))),
        lambda net: partial(lambda x, each: each.f(x), each=SimpleNamespace(f=partial(net))),
        lambda net: Holder(net).parts.net.forward,
        lambda net: torch.jit.trace(net, torch.ones(4, 3, dtype=next(net.parameters()).dtype)),
        lambda net: lambda x: torch.func.functional_call(net, dict(net.named_parameters()), x),
    ],
)
# Models are traced, which torch says is deprecated; and results of dropout differ.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("make", [partial(Net, dropout=0.5), Plain])
def test_models_are_found_wherever_they_are_hidden(make, hide) -> None:
    atoms, training, coarse = ethanol(), make().double(), make().eval()
    with pytest.raises(ValueError, match=r"training mode .*; call \.eval\(\) on the model first"):
        spectrum(atoms, Torch(hide(training), cutoff=20.0), centers=[0])
    with pytest.raises(
        ValueError, match=r"parameters of float32 .*; call \.double\(\) on the model"
    ):
        spectrum(atoms, Torch(hide(coarse), cutoff=20.0), centers=[0])
    assert spectrum(atoms, Torch(hide(make().double().eval()), cutoff=20.0), centers=[0]).rank > 0


def test_models_that_are_not_called_do_not_matter() -> None:
    models = SimpleNamespace(used=ready(Net()), other=Net().train())
    counts = torch.nn.Parameter(torch.arange(5), requires_grad=False)
    models.used.register_parameter("counts", counts)  # integers are exact
    spectrum(
        ethanol(),
        Torch(partial(lambda x, each: each.used(x), each=models), cutoff=20.0),
        centers=[0],
    )


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
        (lambda x: x.to_sparse(), TypeError, r"returns a sparse tensor, .* with \.to_dense\(\)"),
        (lambda x: x * torch.nan, ValueError, "NaN or infinite"),
        (lambda x: x + torch.rand_like(x), ValueError, "is random: two calls"),
    ):
        with pytest.raises(kind, match=message):
            spectrum(atoms, Torch(function, cutoff=20.0), centers=[0])
    with pytest.raises(ValueError, match="takes must be names out of positions, numbers"):
        Torch(lambda x: x, cutoff=3.0, takes=("numbers",))
    with pytest.raises(ValueError, match="pairs_within must be above 0 and at most the cutoff"):
        Torch(lambda x: x, cutoff=3.0, pairs_within=4.0)
    for wrong, message in (
        (3, "got int; pass something that can be called"),
        (Net().state_dict(), r"got OrderedDict \(the parameters of a model\?\); create the model"),
        (Net, r"got the class Net; pass an instance, such as Net\(\)"),
        ("model.pt", r"got str \(the name of a file\?\); read it yourself"),
    ):
        with pytest.raises(TypeError, match=f"function must be a function .*, {message}"):
            Torch(wrong, cutoff=3.0)


class Unknown(torch.autograd.Function):
    """An operation without derivatives."""

    @staticmethod
    def forward(context, x):
        return torch.exp(x)


def test_an_operation_without_derivatives_is_named() -> None:
    descriptor = Torch(lambda x: Unknown.apply(-x.norm(dim=1)), cutoff=20.0)
    with pytest.raises(ValueError, match=r"torch cannot differentiate a function .*or Function"):
        descriptor._gradients(ethanol(), (0,))


def forces_without_graph(x):
    x = x.requires_grad_(True)
    return torch.autograd.grad(shells(x).pow(2).sum(), x)[0].norm(dim=1, keepdim=True)


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor")  # of torch, as it should
@pytest.mark.parametrize(
    "function",
    [
        lambda x: shells(x.detach()),
        lambda x: shells(torch.tensor(x)),
        lambda x: torch.tensor(shells(x.detach()).numpy() ** 2),
        torch.inference_mode()(shells),
        forces_without_graph,
    ],
)
def test_positions_that_are_detached_are_refused(function) -> None:
    """Their derivative is zero for torch, and not for differences."""
    for call in (spectrum, diagnose):
        with pytest.raises(
            ValueError, match=r"derivatives are zero: positions are detached .*Func"
        ):
            call(ethanol(), Torch(function, cutoff=20.0))


@pytest.mark.parametrize("count", [1, 12])
def test_forward_derivatives_of_what_is_hidden_from_backward_ones(count: int) -> None:
    atoms = ethanol()
    hidden = torch.no_grad()(lambda x: shells(x)[:, :count])
    known = jacobian(atoms, Torch(lambda x: shells(x)[:, :count], cutoff=20.0), centers=[0])
    found = jacobian(atoms, Torch(hidden, cutoff=20.0), centers=[0])
    assert np.abs(found.dense() - known.dense()).max() <= 1e-13 * np.abs(known.dense()).max()


def test_constant_features_are_not_detached() -> None:
    descriptor = Torch(lambda x: torch.ones(len(x), 2, dtype=torch.float64), cutoff=20.0)
    assert spectrum(ethanol(), descriptor).rank == 0


def test_values_that_leave_torch_are_noticed() -> None:
    descriptor = Torch(lambda x: shells(x) + shells(x.detach()) ** 2, cutoff=20.0)
    spectrum(ethanol(), descriptor, centers=[0])
    assert "own gradient differs from central differences" in " ".join(descriptor.remarks)


def test_message_passing_sees_farther_than_its_pairs() -> None:
    def passed(positions, pairs, shifts):
        vectors = positions[pairs[1]] + shifts - positions[pairs[0]]
        r = torch.linalg.vector_norm(vectors, dim=1)
        weight, rows = (1 - (r / 2.0) ** 2) ** 3, positions.new_zeros(len(positions), 2)
        first = rows.index_add(0, pairs[0], torch.stack([weight, weight * r], dim=1))
        return rows.index_add(0, pairs[0], first[pairs[1]] * weight[:, None])

    atoms = chain(24, spacing=1.5, size=0.1)
    takes = ("positions", "pairs", "shifts")
    right = Torch(passed, cutoff=4.0, takes=takes, pairs_within=2.0)
    wrong = Torch(passed, cutoff=2.0, takes=takes)
    exact, found = (jacobian(atoms, each).dense() for each in (right, wrong))
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


def too_large(positions: torch.Tensor) -> torch.Tensor:
    return torch.zeros(10**15, dtype=torch.float64)[: len(positions), None] + positions


class LargeSlopes(torch.autograd.Function):
    """An operation whose derivatives need more memory than there is."""

    @staticmethod
    def forward(x):
        return torch.exp(-x)

    @staticmethod
    def setup_context(context, inputs, output):
        context.save_for_backward(output)
        context.save_for_forward(output)

    @staticmethod
    def backward(context, slope):
        return too_large(slope)

    @staticmethod
    def jvp(context, tangent):
        return too_large(tangent)


@pytest.mark.parametrize("function", [too_large, lambda x: LargeSlopes.apply(x**2)])
def test_memory_that_a_structure_exhausts(function) -> None:
    """In the forward pass, and in derivatives, from the first examination on."""
    descriptor = Torch(function, cutoff=20.0)
    message = "needs more memory than there is; choose fewer centers, or a smaller structure"
    for call in (
        descriptor.examine,
        descriptor.gradients,
        partial(spectrum, descriptor=descriptor),
    ):
        with pytest.raises(ValueError, match=message):
            call(ethanol())


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ((x[:, None] - x) ** 2).sum(dim=-1).sqrt(),
        lambda x: (x - x.detach()).norm(dim=1)[:, None].sqrt() + x.norm(dim=1)[:, None],
        lambda x: torch.acos(x / x),
    ],
)
def test_derivatives_that_do_not_exist_have_a_remedy(function) -> None:
    with pytest.raises(ValueError, match=r"derivatives are NaN or infinite, .*leave out what is"):
        spectrum(ethanol(), Torch(function, cutoff=20.0))


def noisy(size: float) -> Torch:
    """Shells with noise of this size, relative, as of sums in an order that varies."""
    widths = torch.arange(1.0, 13.0, dtype=torch.float64)

    def shells(x):
        found = torch.exp(-((x[:, None] - x) ** 2).sum(dim=-1)[:, :, None] / widths).sum(dim=1)
        return found * (1 + size * torch.randn(found.shape, dtype=torch.float64))

    return Torch(shells, cutoff=20.0)


@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e-7])
def test_noise_is_a_remark_with_its_size(size: float) -> None:
    descriptor = noisy(size)
    spectrum(ethanol(), descriptor, centers=[0])
    (remark,) = (each for each in descriptor.remarks if "noise" in each)
    found = float(remark.split("noise of ")[1].split()[0])
    assert size / 5 < found < size * 5


def test_larger_noise_is_randomness_and_its_size_is_said() -> None:
    with pytest.raises(ValueError, match=r"is random: .* differ by \d\.\de-0[45] of the features"):
        spectrum(ethanol(), noisy(1e-4), centers=[0])


def test_its_expression_and_text() -> None:
    takes = ("positions", "numbers")
    descriptor = Torch(power_spectrum, cutoff=3.0, takes=takes, pairs_within=2.0)
    assert repr(descriptor) == "Torch(power_spectrum, cutoff=3)"
    line, expression = descriptor.python()
    names: dict[str, object] = {"power_spectrum": power_spectrum}
    exec(line, names)
    again = eval(expression, names)
    assert (again.takes, again.pairs_within, again.cutoff) == (takes, 2.0, 3.0)
