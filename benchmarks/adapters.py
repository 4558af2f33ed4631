"""Adapters: their gradients beside the library's own call, and the error estimates of functions.

``python -m benchmarks.adapters`` prints the figures and writes ``results/adapters.json``.
"""

from __future__ import annotations

import json

import numpy as np
from ase import Atoms

from benchmarks import clock
from benchmarks.contenders import (
    CUTOFF,
    L_MAX,
    N_MAX,
    SMEARING,
    Call,
    dscribe,
    featomic,
    featomic_calculator,
)
from benchmarks.systems import SYSTEMS

STRUCTURES = ("benzene", "Si 64")


def adapted_dscribe(atoms: Atoms) -> Call:
    """Time the adapter of dscribe's SOAP."""
    from dscribe.descriptors import SOAP

    from sensitivity.descriptors import Dscribe

    soap = SOAP(
        r_cut=CUTOFF,
        n_max=N_MAX,
        l_max=L_MAX,
        sigma=SMEARING,
        species=sorted(set(atoms.symbols)),
        periodic=bool(atoms.pbc.any()),
    )
    descriptor = Dscribe(soap)
    return lambda: descriptor.gradients(atoms)


def adapted_featomic(atoms: Atoms) -> Call:
    """Time the adapter of featomic's power spectrum, with its default splines."""
    from sensitivity.descriptors import Featomic

    descriptor = Featomic(featomic_calculator(1e-8))
    return lambda: descriptor.gradients(atoms)


def time_adapters(seconds: float) -> dict[str, dict[str, float]]:
    """Return the best time of the adapter over that of the library's own call."""
    pairs = {"dscribe": (dscribe, adapted_dscribe), "featomic": (featomic, adapted_featomic)}
    found: dict[str, dict[str, float]] = {}
    for name in STRUCTURES:
        atoms = SYSTEMS[name]()
        for package, (own, adapted) in pairs.items():
            calls = {"own": own(atoms), "adapter": adapted(atoms)}
            times = clock.interleave(calls, seconds=seconds)
            ratio = times["adapter"].processor / times["own"].processor
            found.setdefault(package, {})[name] = round(ratio, 3)
            print(f"{package:10s}{name:10s}{times['own'].best:10.2f} ms, adapter / own {ratio:.2f}")
    return found


def cover(cases: int = 400) -> dict[str, float]:
    """Return how often estimated errors cover true ones, and their median ratio.

    Eigenvalues of the Coulomb matrix of random molecules, whose exact derivatives are those of
    perturbation theory.
    """
    from sensitivity import jacobian
    from sensitivity.descriptors import Function

    rng, ratios = np.random.default_rng(0), []
    for _ in range(cases):
        atoms = Atoms(rng.choice(["H", "C", "N", "O"], size=rng.integers(3, 8)))
        atoms.positions = rng.normal(scale=1.5, size=atoms.positions.shape)
        ours = jacobian(atoms, Function(_coulomb, cutoff=50.0), centers=[0])
        ratios.append(ours.error / np.linalg.norm(ours.dense() - _exact(atoms)))
    covered, median = float(np.mean(np.array(ratios) >= 1)), float(np.median(ratios))
    print(f"errors cover the true ones in {covered:.1%} of {cases}; median ratio {median:.1f}")
    return {"cases": cases, "covered": round(covered, 4), "median_ratio": round(median, 2)}


def _coulomb(atoms: Atoms) -> np.ndarray:
    charges = atoms.numbers.astype(float)
    matrix = np.outer(charges, charges) / (atoms.get_all_distances() + np.eye(len(atoms)))
    np.fill_diagonal(matrix, 0.5 * charges**2.4)
    return np.linalg.eigvalsh(matrix)


def _exact(atoms: Atoms) -> np.ndarray:
    charges, n = atoms.numbers.astype(float), len(atoms)
    vectors = atoms.positions[:, None] - atoms.positions
    lengths = np.linalg.norm(vectors, axis=2) + np.eye(n)
    matrix = np.outer(charges, charges) / lengths
    np.fill_diagonal(matrix, 0.5 * charges**2.4)
    _, modes = np.linalg.eigh(matrix)
    slopes = -np.outer(charges, charges)[..., None] * vectors / lengths[..., None] ** 3
    return 2 * np.einsum("iq,ijx,jq->qix", modes, slopes, modes).reshape(n, 3 * n)


def main() -> None:
    """Run all and write the result."""
    result = {"ratio_to_own_call": time_adapters(10.0), "errors_of_functions": cover()}
    clock.save("adapters", result)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
