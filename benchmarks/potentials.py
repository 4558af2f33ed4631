"""Pretrained potentials: the time of a Jacobian over that of as many forward passes.

``python -m benchmarks.potentials`` prints the figures, and fails if a Jacobian takes more than
twice the forward passes. It needs the extra ``chgnet``.
"""

from __future__ import annotations

import contextlib
import io
import sys
from functools import partial

from ase import Atoms

from benchmarks import clock
from benchmarks.contenders import Call
from benchmarks.systems import SYSTEMS

STRUCTURES = ("Si 8", "Si 64")
MOST = 2.0  # times the forward passes


def forward_pass(atoms: Atoms) -> Call:
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


def time_jacobians(seconds: float) -> dict[str, float]:
    """Return the processor time of the Jacobian over that of 3N forward passes."""
    from sensitivity.descriptors import Chgnet

    found: dict[str, float] = {}
    for name in STRUCTURES:
        atoms, descriptor = SYSTEMS[name](), Chgnet()
        descriptor.gradients(atoms)  # examined once
        calls = {
            "forward": forward_pass(atoms),
            "jacobian": partial(descriptor.gradients, atoms),
        }
        times, count = clock.interleave(calls, seconds=seconds), 3 * len(atoms)
        forward, whole = times["forward"].processor, times["jacobian"].processor
        found[name] = whole / (count * forward)
        print(f"{name:10s}{forward:10.1f} ms forward, Jacobian / {count} of it {found[name]:.2f}")
    return found


if __name__ == "__main__":
    results = time_jacobians(seconds=20.0)
    if max(results.values()) > MOST:
        sys.exit(f"a Jacobian took more than {MOST:g} times its forward passes")
