"""Processor times of the imported version of ``sensitivity``, as one line of JSON.

``benchmarks.spectrum`` runs this file once for each version, and imports nothing else from here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable

from ase import Atoms
from ase.build import bulk, molecule
from ase.collections import g2

from sensitivity import DensityCorrelations, jacobian, spectrum

COPPER = DensityCorrelations(order=2, n_max=2, l_max=6, cutoff=5.0)
ORDERS = {
    "order 1": DensityCorrelations(order=1),
    "order 2": DensityCorrelations(order=2),
    "order 3": DensityCorrelations(order=3),
    "order 3, n_max 8, l_max 8": DensityCorrelations(order=3, n_max=8, l_max=8),
    "order 4, n_max 3, l_max 3": DensityCorrelations(order=4, n_max=3, l_max=3),
}


def least(call: Callable[[], object], *, times: int) -> float:
    """Return the least time of a call in ms; freeing its result is not counted."""
    measured = []
    for _ in range(times):
        start = time.process_time()
        result = call()
        measured.append(1e3 * (time.process_time() - start))
        del result
    return min(measured)


def copper() -> dict[str, float]:
    """Time 500 atoms, all centers: perfect, rattled, and with a vacancy."""
    perfect = bulk("Cu", cubic=True).repeat(5)
    rattled, vacancy = perfect.copy(), perfect.copy()
    rattled.rattle(0.1, seed=1)
    del vacancy[7]
    crystals = {"perfect": perfect, "rattled": rattled, "vacancy": vacancy}
    times = {"Jacobian": least(lambda: jacobian(perfect, COPPER), times=3)}
    for name, atoms in crystals.items():
        times[name] = least(lambda atoms=atoms: spectrum(atoms, COPPER), times=2)
    return times


def molecules() -> dict[str, float]:
    """Time center 0 of every molecule of G2 in turn, so that no cached data is reused."""
    descriptor = DensityCorrelations()
    times: dict[str, float] = {}
    for _ in range(5):
        for name in g2.names:
            once = least(lambda atoms=g2[name]: spectrum(atoms, descriptor, centers=[0]), times=1)
            times[name] = min(once, times.get(name, once))
    return times


def species() -> dict[str, dict[str, float]]:
    """Time the carbon atom of methane, which has no carbon neighbour, with one and two species."""
    methane, one = molecule("CH4"), molecule("CH4")
    one.symbols[:] = "H"
    return {name: dict(_species(methane, one, each)) for name, each in ORDERS.items()}


def _species(
    methane: Atoms, one: Atoms, descriptor: DensityCorrelations
) -> Iterable[tuple[str, float]]:
    for name, call in {"Jacobian": jacobian, "spectrum": spectrum}.items():
        for kind, atoms in {"C and H": methane, "H": one}.items():

            def run(call=call, atoms=atoms) -> object:
                return call(atoms, descriptor, centers=[0])

            run()
            yield f"{name}, {kind}", least(run, times=10)


if __name__ == "__main__":
    print(json.dumps({"copper": copper(), "molecules": molecules(), "species": species()}))
