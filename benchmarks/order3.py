"""Order 3 compared with the floor of its matrix products, and the Jacobian behind a slider.

``python -m benchmarks.order3`` prints both and writes ``results/order3.json``.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ase import Atoms
from ase.build import molecule

from benchmarks import clock
from benchmarks.floor import (
    count_features,
    measure_peak_rate,
    necessary_products,
    time_products,
)
from sensitivity import DensityCorrelations, jacobian, spectrum

N_MAX, L_MAX, CUTOFF, SMEARING = 8, 8, 3.5, 0.3
TARGET_ORDER_3 = 8.0  # ms
TARGET_BENZENE = 15.0  # ms


def one_species_methane() -> Atoms:
    """Return methane with all atoms of one species, so that there is one species channel."""
    atoms = molecule("CH4")
    atoms.symbols[:] = "H"
    return atoms


def bispectrum_times(seconds: float) -> dict[str, clock.Timing]:
    """Time the blocks and the dense Jacobian of the carbon environment of CH4."""
    atoms = one_species_methane()
    descriptor = DensityCorrelations(
        order=3, cutoff=CUTOFF, n_max=N_MAX, l_max=L_MAX, smearing=SMEARING
    )
    features = descriptor.features(atoms, centers=[0]).shape[1]
    expected = count_features(N_MAX, L_MAX, unique=True)
    if features != expected:
        raise ValueError(f"order 3 has {features} features; the floor was counted for {expected}.")
    calls = {
        "Jacobian, blocks": lambda: jacobian(atoms, descriptor, centers=[0]),
        "Jacobian, dense": lambda: jacobian(atoms, descriptor, centers=[0]).dense(),
        "features": lambda: descriptor.features(atoms, centers=[0]),
        "Jacobian and spectrum": lambda: spectrum(atoms, descriptor, centers=[0]),
    }
    return clock.interleave(calls, seconds=seconds)


def benzene_times(seconds: float) -> dict[str, clock.Timing]:
    """Time order 2 of benzene, all centers, with the settings of ``peers`` and the defaults."""
    atoms = molecule("C6H6")
    large = DensityCorrelations(order=2, cutoff=5.0, n_max=8, l_max=6, smearing=0.4)
    default = DensityCorrelations()
    calls = {
        "Jacobian, n_max 8, l_max 6": lambda: jacobian(atoms, large),
        "Jacobian and spectrum, n_max 8, l_max 6": lambda: spectrum(atoms, large),
        "Jacobian and spectrum, default": lambda: spectrum(atoms, default),
    }
    return clock.interleave(calls, seconds=seconds)


def floor() -> dict[str, float]:
    """Return the time of the products alone in ms, as measured and at the peak rate."""
    products = list(necessary_products(N_MAX, L_MAX, columns=3 * 4))
    flops = sum(product.flops for product in products)
    rate = measure_peak_rate()
    return {
        "products": len(products),
        "Mflop": flops / 1e6,
        "at_their_sizes_ms": 1e3 * time_products(products),
        "at_peak_ms": 1e3 * flops / rate,
        "peak_Gflop_per_s": rate / 1e9,
    }


def print_times(title: str, times: dict[str, clock.Timing]) -> None:
    """Print one row per call."""
    print(f"\n{title}\n{'':42s}{'best':>9s}{'median':>9s}  ms")
    for name, timing in times.items():
        print(f"{name:42s}{timing.best:9.3f}{timing.median:9.3f}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="per table")
    options = parser.parse_args()
    bispectrum, benzene = bispectrum_times(options.seconds), benzene_times(options.seconds)
    least = floor()
    best = bispectrum["Jacobian, blocks"].best
    summary = {
        "features": count_features(N_MAX, L_MAX, unique=True),
        "features_with_duplicates": count_features(N_MAX, L_MAX, unique=False),
        "floor": least,
        "over_floor_at_their_sizes": best / least["at_their_sizes_ms"],
        "over_floor_at_peak": best / least["at_peak_ms"],
        "meets_target": {
            "order 3": best <= TARGET_ORDER_3,
            "benzene": benzene["Jacobian and spectrum, n_max 8, l_max 6"].best <= TARGET_BENZENE,
        },
    }
    print_times(f"CH4, carbon, order 3, n_max {N_MAX}, l_max {L_MAX}, one species", bispectrum)
    print_times("benzene, order 2, all centers", benzene)
    for name, value in summary.items():
        print(f"{name}: {value}")
    times = {**bispectrum, **{f"benzene: {name}": t for name, t in benzene.items()}}
    summary["milliseconds"] = {name: asdict(timing) for name, timing in times.items()}
    clock.save("order3", summary)


if __name__ == "__main__":
    main()
