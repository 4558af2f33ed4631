"""Environments per second: `survey`, single spectra, and pipelines of dscribe and featomic.

``python -m benchmarks.survey`` prints the table and writes ``results/survey.json``. Every pipeline
begins with rattled molecules of the G2 set and ends with the largest and the smallest internal
singular value of every environment; one of them adds groups and causes. The floor is the product
JᵀJ and LAPACK's eigenvalues, from dense blocks J that are in memory.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

import numpy as np
from ase import Atoms
from ase.collections import g2
from scipy.linalg import svdvals

from benchmarks import clock
from benchmarks.contenders import select_unique
from sensitivity import DensityCorrelations, jacobian, spectrum, structures, survey
from sensitivity.survey.environments import Environments, find_pairs
from sensitivity.survey.like import group_alike

N_MAX, L_MAX, CUTOFF, SMEARING, CUTOFF_WIDTH = 6, 6, 4.0, 0.3, 0.5
FRAMES_PER_CALL = 50  # of featomic, which is fastest with many
RATTLE = 0.05  # Å

Extremes = Callable[[Sequence[Atoms]], np.ndarray]


def rattled_molecules(count: int) -> list[Atoms]:
    """Return rattled molecules of G2 with 3 to 12 atoms, in turn."""
    rng = np.random.default_rng(0)
    names = [name for name in g2.names if 3 <= len(g2[name]) <= 12]
    frames = []
    for number in range(count):
        atoms = Atoms(g2[names[number % len(names)]])
        atoms.positions += rng.normal(scale=RATTLE, size=atoms.positions.shape)
        frames.append(atoms)
    return frames


def descriptor() -> DensityCorrelations:
    """Return the descriptor of all pipelines of this package."""
    settings = {"smearing": SMEARING, "cutoff_width": CUTOFF_WIDTH}
    return DensityCorrelations(order=2, cutoff=CUTOFF, n_max=N_MAX, l_max=L_MAX, **settings)


def ours(frames: Sequence[Atoms]) -> np.ndarray:
    """Survey without causes."""
    table = survey(frames, descriptor(), causes=False).table()
    return np.stack([table["s_max"], table["s_min"]], axis=1)


def with_causes(frames: Sequence[Atoms]) -> np.ndarray:
    """Survey with groups and causes."""
    table = survey(frames, descriptor()).table()
    return np.stack([table["s_max"], table["s_min"]], axis=1)


def dense_blocks(frames: Sequence[Atoms]) -> list[np.ndarray]:
    """Return J of all environments, (e, rows, 3k) for those with like neighbours."""
    found = find_pairs(frames, cutoff=CUTOFF)
    environments = Environments.of(list(zip(range(len(frames)), frames, found, strict=True)))
    blocks = []
    for alike in group_alike(environments, np.arange(len(environments))):
        parts = descriptor().like_gradients(*alike.neighbors, species=alike.species)
        for _, gradients in parts:
            count, size, _ = gradients.gram.shape
            every = np.broadcast_to(np.eye(size), (count, size, size))
            blocks += _by_height(gradients.apply(every, np.arange(count)))
    return blocks


def _by_height(slopes: np.ndarray) -> list[np.ndarray]:
    """Return J without the rows of elements that an environment does not see, which are zero."""
    nonzero = (slopes != 0).any(axis=2)
    heights = nonzero.sum(axis=1)
    return [
        slopes[heights == height][nonzero[heights == height]].reshape(-1, height, slopes.shape[2])
        for height in np.unique(heights)
    ]


def floor(blocks: Sequence[np.ndarray]) -> None:
    """Multiply and decompose."""
    for slopes in blocks:
        np.linalg.eigvalsh(slopes.swapaxes(1, 2) @ slopes)


def one_by_one(frames: Sequence[Atoms]) -> np.ndarray:
    """Cut out each environment and decompose it."""
    found = []
    for atoms in frames:
        for center in range(len(atoms)):
            alone = structures.environment(atoms, center, CUTOFF)
            result = spectrum(alone, descriptor(), centers=[0])
            found.append(result.singular_values[[0, result.internal - 1]])
    return np.array(found)


def per_frame(frames: Sequence[Atoms]) -> np.ndarray:
    """Compute one Jacobian per frame, and decompose the blocks by LAPACK."""
    found = []
    for atoms in frames:
        derivative = jacobian(atoms, descriptor())
        near = neighbors(atoms)
        for batch in derivative.batches:
            place = np.argsort(batch.atoms, axis=1)
            for center, slopes, order in zip(batch.centers, batch.slopes, place, strict=True):
                found.append(extremes(slopes[:, order[near[center]]]))
    return np.array(found)


def neighbors(atoms: Atoms) -> np.ndarray:
    """Return for each center which atoms it sees, itself included, (N, N)."""
    gaps = atoms.positions[:, None] - atoms.positions
    return np.linalg.norm(gaps, axis=2) < CUTOFF


def extremes(slopes: np.ndarray) -> tuple[float, float]:
    """Return the largest and the smallest internal singular value of (rows, n, 3), n > 2."""
    count = slopes.shape[1]
    values = svdvals(slopes.reshape(len(slopes), -1), check_finite=False)
    return values[0], values[3 * count - (6 if count > 2 else 5) - 1]


def dscribe(frames: Sequence[Atoms]) -> np.ndarray:
    """Differentiate each frame analytically, and decompose the blocks by LAPACK."""
    from dscribe.descriptors import SOAP

    soaps: dict[tuple[str, ...], SOAP] = {}
    found = []
    for atoms in frames:
        species = tuple(sorted(set(atoms.symbols)))
        settings = {"r_cut": CUTOFF, "n_max": N_MAX, "l_max": L_MAX, "sigma": SMEARING}
        if species not in soaps:
            soaps[species] = SOAP(species=species, periodic=False, **settings)
        slopes, _ = soaps[species].derivatives(atoms, method="analytical", attach=True)
        near = neighbors(atoms)
        for center, block in enumerate(slopes):  # [atom, xyz, feature]
            found.append(extremes(block[near[center]].transpose(2, 0, 1)))
    return np.array(found)


def featomic(frames: Sequence[Atoms]) -> np.ndarray:
    """Differentiate many frames in a call, unique pairs, and decompose the blocks by LAPACK."""
    calculator = featomic_calculator()
    found = []
    for start in range(0, len(frames), FRAMES_PER_CALL):
        part = frames[start : start + FRAMES_PER_CALL]
        selection = select_unique(calculator.compute(part))
        tensor = calculator.compute(part, gradients=["positions"], selected_properties=selection)
        found += [extremes(slopes) for slopes in assemble(tensor, part)]
    return np.array(found)


def featomic_calculator() -> object:
    """Make featomic's power spectrum with these settings."""
    from featomic import SoapPowerSpectrum
    from featomic.basis import Gto, TensorProduct
    from featomic.cutoff import Cutoff, ShiftedCosine
    from featomic.density import Gaussian

    return SoapPowerSpectrum(
        cutoff=Cutoff(radius=CUTOFF, smoothing=ShiftedCosine(width=CUTOFF_WIDTH)),
        density=Gaussian(width=SMEARING),
        basis=TensorProduct(max_angular=L_MAX, radial=Gto(max_radial=N_MAX - 1)),
    )


def assemble(tensor: object, frames: Sequence[Atoms]) -> Iterator[np.ndarray]:
    """Yield the dense gradient (rows, neighbours, 3) of each center."""
    rows = defaultdict(list)
    for block in (tensor.block(i) for i in range(len(tensor.keys))):
        gradient = block.gradient("positions")
        labels, values = gradient.samples.values, gradient.values  # [(sample, frame, atom)]
        edges = np.searchsorted(labels[:, 0], np.arange(len(block.samples) + 1))
        for sample, (frame, center) in enumerate(block.samples.values[:, :2]):
            own = slice(edges[sample], edges[sample + 1])
            dense = np.zeros((values.shape[2], len(frames[frame]), 3))
            dense[:, labels[own, 2]] = values[own].transpose(2, 0, 1)
            rows[frame, center].append(dense)
    near = [neighbors(atoms) for atoms in frames]
    for (frame, center), blocks in sorted(rows.items()):
        yield np.concatenate(blocks)[:, near[frame][center]]


PIPELINES: dict[str, Extremes] = {
    "survey": ours,
    "survey with groups and causes": with_causes,
    "spectrum, one by one": one_by_one,
    "jacobian per frame, svdvals": per_frame,
    "dscribe, svdvals": dscribe,
    "featomic, svdvals": featomic,
}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=230)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    frames = rattled_molecules(options.frames)
    count = sum(map(len, frames))
    values = {name: pipeline(frames[:50]) for name, pipeline in PIPELINES.items()}
    for name in ("spectrum, one by one", "jacobian per frame, svdvals"):
        np.testing.assert_allclose(values["survey"][:, 0], values[name][:, 0], rtol=1e-10)
    calls = {name: (lambda p=p: p(frames)) for name, p in PIPELINES.items()}
    few = frames[: options.frames // 4]
    blocks = dense_blocks(few)
    calls["floor: products and LAPACK"] = lambda: floor(blocks)
    counts = dict.fromkeys(calls, count) | {"floor: products and LAPACK": sum(map(len, few))}
    timings = clock.interleave(calls, seconds=options.seconds, rounds=1)
    rates = {name: 1e3 * counts[name] / timing.processor for name, timing in timings.items()}
    print(f"{count} environments of {len(frames)} frames; environments per second of a processor")
    for name, rate in rates.items():
        print(f"{name:32s}{rate:9.0f}{rate / rates['dscribe, svdvals']:8.2f}")
    times = {name: asdict(timing) for name, timing in timings.items()}
    result = {"frames": len(frames), "environments": count, "per_second": rates}
    clock.save("survey", result | {"milliseconds": times})


if __name__ == "__main__":
    main()
