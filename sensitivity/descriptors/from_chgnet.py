"""Atom features of CHGNet, a pretrained potential."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell

from sensitivity.descriptors.automatic_torch import Map
from sensitivity.descriptors.batches import Batch
from sensitivity.descriptors.packages import required
from sensitivity.descriptors.pretrained import Pretrained, reading_weights
from sensitivity.numerics import Array
from sensitivity.structures import neighbor_pairs

_STRAIGHT = 3e-3  # rad: where CHGNet's angles are not those of the structure by a tenth or more


class Chgnet(Pretrained):
    """The features of atoms in CHGNet, from which it computes magnetic moments and energies.

    These are 64 features after its third interaction; Deng et al., Nature Machine Intelligence 5,
    1031 (2023), doi 10.1038/s42256-023-00716-3. They are invariant under O(3), and computed in
    double precision. The receptive field is three times 6 Å.

    CHGNet treats every structure as a crystal: directions that are not periodic get a cell so large
    that images do not see each other. Its features of an atom without neighbours within 6 Å are
    constant. Cosines of angles between bonds of less than 3 Å are multiplied by 1 - 1e-6, so that
    no angle is nearer to π than 0.0014 rad: see ``remarks`` for structures with straight angles.

    Parameters
    ----------
    model
        "0.3.0", "0.2.0" or "r2scan".

    Raises
    ------
    ImportError
        If chgnet or its weights are missing.
    ValueError
        If there is no such model; later, if a structure has elements after plutonium.

    Examples
    --------
    >>> from ase.build import bulk
    >>> from sensitivity import spectrum
    >>> from sensitivity.descriptors import Chgnet
    >>> spectrum(bulk("Si", cubic=True), Chgnet()).rank
    6
    """

    inversion_invariant = True
    models = ("0.3.0", "0.2.0", "r2scan")
    effort = 50.0

    def __init__(self, model: str = "0.3.0") -> None:
        super().__init__(model)
        self._network, layers = _load(model)
        self._bond: float = self._network.graph_converter.bond_graph_cutoff
        self._pair: float = self._network.graph_converter.atom_graph_cutoff
        self.cutoff = layers * self._pair
        self._remarks = tuple[str, ...]()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on what was found on first use, and on straight angles."""
        return super().remarks + self._remarks

    def _gradients(self, atoms: Atoms, centers: tuple[int, ...]) -> tuple[Batch, ...]:
        straight = _count_straight(atoms, self._bond)
        self._remarks = (_explain_straight(straight),) if straight else ()
        return super()._gradients(atoms, centers)

    def _map(self, atoms: Atoms, centers: tuple[int, ...]) -> Map:
        import torch

        graph, rows = self._graph(atoms), list(centers)

        def features(positions: Any) -> Any:
            graph.atom_frac_coord = positions
            found = self._network([graph], task="e", return_atom_feas=True)["atom_fea"]
            return found[0][rows]

        graph.lattice = torch.eye(3, dtype=torch.float64)
        return features

    def _graph(self, atoms: Atoms) -> Any:
        """Return CHGNet's graph, with vectors to images in Å instead of cells."""
        import torch
        from pymatgen.core import Lattice, Structure

        self._check_species(atoms, range(1, 95))
        neighbor_pairs(atoms, 1.0)  # refuses atoms at one place
        cell = _periodic_cell(atoms, self._pair + 1.0)
        # Neighbours do not depend on elements, about some of which pymatgen would warn.
        structure = Structure(
            Lattice(cell), ["H"] * len(atoms), atoms.positions, coords_are_cartesian=True
        )
        graph = self._network.graph_converter(structure)
        graph.atomic_number = torch.tensor(atoms.numbers, dtype=torch.int32)
        images = graph.neighbor_image.double().reshape(-1, 3)
        graph.neighbor_image = images @ torch.tensor(cell)
        return graph


@cache
def _load(model: str) -> tuple[Any, int]:
    """Return the network up to its features of atoms, in double precision, and its layers."""
    with required("chgnet"):
        from chgnet.model import CHGNet

    with reading_weights("chgnet", model), redirect_stdout(io.StringIO()):
        network = CHGNet.load(model_name=model, use_device="cpu", verbose=False)
    network = network.double().eval().requires_grad_(False)
    network.composition_model = None  # has single precision
    network.graph_converter.set_isolated_atom_response("ignore")
    # The features do not depend on the last interaction, nor on the bonds that only it takes.
    *layers, _ = network.atom_conv_layers
    del network.atom_conv_layers
    network.atom_conv_layers = [*layers, _keep]
    network.bond_conv_layers[-1] = None
    return network, len(layers)


def _keep(*, atom_feas: Any, **others: Any) -> Any:
    """Return the features of atoms as they are; stands for an interaction."""
    return atom_feas


def _periodic_cell(atoms: Atoms, margin: float) -> Array:
    """Return a cell, rows in Å, with an empty space of ``margin`` where it is not periodic."""
    cell = np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)
    full = np.asarray(complete_cell(cell), dtype=float)
    for row in np.flatnonzero(~atoms.pbc):
        full[row] /= np.linalg.norm(full[row])
        full[row] *= np.ptp(atoms.positions @ full[row]) + margin
    return full


def _explain_straight(count: int) -> str:
    angles = "1 angle is" if count == 1 else f"{count} angles are"
    return (
        f"{angles} straight: there CHGNet's features bend within 0.0014 rad, so that they change "
        "with the square of a displacement only below about 0.001 Å."
    )


def _count_straight(atoms: Atoms, reach: float) -> int:
    """Return the number of straight angles between bonds shorter than ``reach`` (Å)."""
    pairs, count = neighbor_pairs(atoms, reach), 0
    units = pairs.vectors / np.linalg.norm(pairs.vectors, axis=1)[:, None]
    edges = np.searchsorted(pairs.i, np.arange(len(atoms) + 1)).tolist()
    for start, end in pairwise(edges):
        sums = units[start:end, None] + units[start:end]  # zero for opposite directions
        count += int(np.count_nonzero(np.linalg.norm(sums, axis=2) < _STRAIGHT)) // 2
    return count
