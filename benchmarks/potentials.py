"""Pretrained potentials: the time of a Jacobian over that of as many forward passes.

``python -m benchmarks.potentials`` prints the figures of CHGNet and of SevenNet, writes
``results/potentials.json``, and fails if a Jacobian of CHGNet takes more than twice the forward
passes. It needs the extras ``chgnet`` and ``sevennet``. Names choose cases, as in
``python -m benchmarks.potentials "CHGNet Si 8"``, which leaves the results of others as they are.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial

from ase import Atoms

from benchmarks import clock
from benchmarks.contenders import Call
from benchmarks.systems import SYSTEMS
from sensitivity.descriptors import Chgnet, SevenNet

MOST = 2.0  # times the forward passes, of CHGNet
EACH = 5  # forward passes for each Jacobian
FEWEST = 2  # Jacobians


def pass_of_chgnet(atoms: Atoms) -> Call:
    """Return a call of CHGNet's own forward pass, in double precision, on a graph that is made."""
    import torch
    from chgnet.model import CHGNet
    from pymatgen.io.ase import AseAtomsAdaptor

    with contextlib.redirect_stdout(io.StringIO()):
        model = CHGNet.load(model_name="0.3.0", use_device="cpu", verbose=False)
    model = model.double().eval()
    model.composition_model = None
    graph = model.graph_converter(AseAtomsAdaptor.get_structure(atoms))
    for name in ("lattice", "neighbor_image", "atom_frac_coord"):
        setattr(graph, name, getattr(graph, name).detach().double())

    def call() -> object:
        with torch.no_grad():
            return model([graph], task="e", return_atom_feas=True)["atom_fea"]

    return call


def pass_of_sevennet(atoms: Atoms) -> Call:
    """Return a call of SevenNet's own modules up to the energy, as its package creates them."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is scripted, which torch says is deprecated
        from sevenn.train.dataload import unlabeled_atoms_to_graph
        from sevenn.util import load_checkpoint

        model = load_checkpoint("7net-0").build_model()
        model = model.double().eval().requires_grad_(False)
    model.set_is_batch_data(False)
    graph = unlabeled_atoms_to_graph(atoms, model.cutoff)
    given = {name: torch.as_tensor(value) for name, value in graph.items() if name != "data_info"}
    given = {n: each.double() if each.is_floating_point() else each for n, each in given.items()}
    given["x"] = torch.tensor([model.type_map[number] for number in atoms.numbers.tolist()])
    modules = {name: each for name, each in model._modules.items() if name != "force_output"}

    def call() -> object:
        data = dict(given)
        with torch.no_grad():
            for module in modules.values():
                data = module(data)
                if data["x"].dtype == torch.float32:  # of one-hot vectors
                    data["x"] = data["x"].double()
        return data

    return call


CASES: Mapping[str, tuple[type[Chgnet | SevenNet], Callable[[Atoms], Call], str]] = {
    "CHGNet Si 8": (Chgnet, pass_of_chgnet, "Si 8"),
    "CHGNet Si 64": (Chgnet, pass_of_chgnet, "Si 64"),
    "SevenNet Si 8": (SevenNet, pass_of_sevennet, "Si 8"),
    "SevenNet Si 64": (SevenNet, pass_of_sevennet, "Si 64"),
}


def time_in_turn(forward: Call, jacobian: Call, *, seconds: float) -> tuple[float, float]:
    """Return the least processor times, ms, of both calls, in turn until seconds have passed."""
    passes, jacobians = list[float](), list[float]()
    end = time.perf_counter() + seconds
    while len(jacobians) < FEWEST or time.perf_counter() < end:
        passes += [clock.time_once(forward)[1] for _ in range(EACH)]
        jacobians.append(clock.time_once(jacobian)[1])
    return min(passes), min(jacobians)


def time_jacobian(name: str, *, seconds: float) -> dict[str, float]:
    """Return the processor times, and that of a Jacobian over that of 3N forward passes."""
    kind, make_pass, system = CASES[name]
    atoms = SYSTEMS[system]()
    descriptor = kind().measured_on(atoms)  # done once for these atoms, and not timed
    forward, jacobian = time_in_turn(
        make_pass(atoms), partial(descriptor.gradients, atoms), seconds=seconds
    )
    passes = 3 * len(atoms)
    found = {"forward, ms": round(forward, 3), "Jacobian, s": round(jacobian / 1e3, 4)}
    return found | {"passes": passes, "ratio": round(jacobian / (passes * forward), 3)}


def save_also(found: dict[str, dict[str, float]]) -> None:
    """Write results; those of cases that were not measured now stay."""
    path = clock.RESULTS / "potentials.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    clock.save("potentials", known | found)


if __name__ == "__main__":
    results = {}
    for case in sys.argv[1:] or CASES:
        results[case] = time_jacobian(case, seconds=20.0)
        print(f"{case:15s}", *(f"{key} {x:.3g}" for key, x in results[case].items()), flush=True)
    save_also(results)
    slow = [case for case, x in results.items() if x["ratio"] > MOST and case.startswith("CHGNet")]
    if slow:
        sys.exit(f"{slow[0]}: a Jacobian took more than {MOST:g} times its forward passes")
