"""Features and full Jacobian of the order-2 power spectrum with every package.

Each contender takes the structure and returns the timed call. Everything independent of the
positions (the descriptor, its splines) is created beforehand; everything that depends on them
(neighbour list, conversion of the structure) is timed. All use the same basis size, cutoff,
smearing and centers, and derivatives with respect to all atoms.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import numpy as np
from ase import Atoms

N_MAX, L_MAX, CUTOFF, SMEARING, CUTOFF_WIDTH = 8, 6, 5.0, 0.4, 0.5
SPLINE_ACCURACY = 1e-8  # featomic's own default

Call = Callable[[], object]


def ours(atoms: Atoms) -> Call:
    """Time `sensitivity`, dense (rows, 3N) array; the blocks hold the features."""
    blocks = ours_blocks(atoms)
    return lambda: blocks().dense()


def ours_blocks(atoms: Atoms) -> Call:
    """Time `sensitivity`, the blocks alone, which its own SVD uses."""
    import sensitivity

    descriptor = sensitivity.DensityCorrelations(
        order=2,
        cutoff=CUTOFF,
        n_max=N_MAX,
        l_max=L_MAX,
        smearing=SMEARING,
        cutoff_width=CUTOFF_WIDTH,
    )
    return lambda: sensitivity.jacobian(atoms, descriptor)


def dscribe(atoms: Atoms) -> Call:
    """Time dscribe: analytic for molecules, numerical for crystals (its only option there)."""
    from dscribe.descriptors import SOAP

    periodic = bool(atoms.pbc.any())
    soap = SOAP(
        r_cut=CUTOFF,
        n_max=N_MAX,
        l_max=L_MAX,
        sigma=SMEARING,
        species=sorted(set(atoms.symbols)),
        periodic=periodic,
    )
    method = "numerical" if periodic else "analytical"
    return lambda: soap.derivatives(atoms, method=method, attach=True)


def featomic_calculator(spline_accuracy: float | None) -> object:
    """Make featomic's power spectrum; ``None`` evaluates the radial integrals themselves."""
    from featomic import SoapPowerSpectrum
    from featomic.basis import Gto, TensorProduct
    from featomic.cutoff import Cutoff, ShiftedCosine
    from featomic.density import Gaussian

    return SoapPowerSpectrum(
        cutoff=Cutoff(radius=CUTOFF, smoothing=ShiftedCosine(width=CUTOFF_WIDTH)),
        density=Gaussian(width=SMEARING),
        basis=TensorProduct(
            max_angular=L_MAX,
            radial=Gto(max_radial=N_MAX - 1),
            spline_accuracy=spline_accuracy,
        ),
    )


def featomic(atoms: Atoms) -> Call:
    """Time featomic as shipped, splined: its sparse blocks, not assembled."""
    calculator = featomic_calculator(SPLINE_ACCURACY)
    return lambda: calculator.compute(atoms, gradients=["positions"])


def featomic_unique(atoms: Atoms) -> Call:
    """Time featomic, splined, each pair of radial functions of like species once."""
    calculator = featomic_calculator(SPLINE_ACCURACY)
    selection = select_unique(calculator.compute(atoms))
    return lambda: calculator.compute(atoms, gradients=["positions"], selected_properties=selection)


def select_unique(tensor: object) -> object:
    """Select the properties with n_1 <= n_2 for equal species, in the format of featomic."""
    from metatensor import Labels, TensorBlock, TensorMap

    samples = Labels("system", np.array([[0]]))
    blocks = []
    for key, block in tensor.items():
        values = block.properties.values  # [(l, n_1, n_2)]
        if key["neighbor_1_type"] == key["neighbor_2_type"]:
            values = np.ascontiguousarray(values[values[:, 1] <= values[:, 2]])
        properties = Labels(block.properties.names, values)
        blocks.append(TensorBlock(np.zeros((1, len(values))), samples, [], properties))
    return TensorMap(tensor.keys, blocks)


def featomic_exact(atoms: Atoms) -> Call:
    """Time featomic without splines: its sparse blocks, not assembled."""
    calculator = featomic_calculator(None)
    return lambda: calculator.compute(atoms, gradients=["positions"])


def featomic_dense(atoms: Atoms) -> Call:
    """Time featomic, splined, unique pairs, assembled into one (rows, 3N) array."""
    compute = featomic_unique(atoms)
    return lambda: assemble(compute(), len(atoms))


def assemble(tensor: object, atoms: int) -> np.ndarray:
    """Write featomic's sparse gradient blocks into a dense (rows, 3 * atoms) array."""
    blocks = [tensor.block(i) for i in range(len(tensor.keys))]
    rows = sum(len(b.samples) * len(b.properties) for b in blocks)
    dense = np.zeros((rows, atoms, 3))
    start = 0
    for block in blocks:
        gradient = block.gradient("positions")
        labels = gradient.samples.values  # [(sample, system, atom)]
        stop = start + len(block.samples) * len(block.properties)
        part = dense[start:stop].reshape(len(block.samples), len(block.properties), atoms, 3)
        part[labels[:, 0], :, labels[:, 2]] = gradient.values.transpose(0, 2, 1)
        start = stop
    return dense.reshape(rows, 3 * atoms)


def quippy(atoms: Atoms) -> Call:
    """Time quippy: one gradient row per pair (and per periodic image), not assembled."""
    from quippy.descriptors import Descriptor

    numbers = [number for number, _ in groupby(sorted(atoms.numbers))]
    listed = "{" + " ".join(str(number) for number in numbers) + "}"
    descriptor = Descriptor(
        f"soap cutoff={CUTOFF} cutoff_transition_width={CUTOFF_WIDTH} n_max={N_MAX} l_max={L_MAX} "
        f"atom_sigma={SMEARING} n_Z={len(numbers)} Z={listed} "
        f"n_species={len(numbers)} species_Z={listed} normalise=F"
    )
    return lambda: descriptor.calc(atoms, grad=True)


CONTENDERS: dict[str, Callable[[Atoms], Call]] = {
    "sensitivity": ours,
    "sensitivity, blocks": ours_blocks,
    "dscribe": dscribe,
    "featomic": featomic,
    "featomic, unique": featomic_unique,
    "featomic, dense": featomic_dense,
    "featomic, no spline": featomic_exact,
    "quippy": quippy,
}
OURS = ("sensitivity", "sensitivity, blocks")
