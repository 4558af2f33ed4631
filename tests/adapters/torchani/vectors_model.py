"""A small model in the metatomic format.

TorchScript, which metatomic needs, knows types only by their names in ``typing``.
"""
# ruff: noqa: UP006, UP035, UP045

from collections.abc import Callable
from typing import Dict, List, Optional

import numpy as np
import torch
from metatensor.torch import Labels, TensorBlock, TensorMap
from metatomic.torch import (
    AtomisticModel,
    ModelCapabilities,
    ModelMetadata,
    ModelOutput,
    NeighborListOptions,
    System,
)

CUTOFF = 4.0  # Å
WIDTHS = np.array([0.1, 0.3, 0.6, 1.0, 1.6])


class Vectors(torch.nn.Module):
    """Products of sums of vectors to the neighbours, and of scalars, weighted by the element."""

    def __init__(self, *, full: bool, chiral: bool = False, unit: str = "") -> None:
        super().__init__()
        length = CUTOFF / 10 if unit == "nm" else CUTOFF
        self.pairs = NeighborListOptions(cutoff=length, full_list=full, strict=True)
        self.register_buffer("widths", torch.tensor(WIDTHS))
        self.full, self.chiral = full, chiral
        self.length = length

    def requested_neighbor_lists(self) -> List[NeighborListOptions]:
        return [self.pairs]

    def forward(
        self,
        systems: List[System],
        outputs: Dict[str, ModelOutput],
        selected_atoms: Optional[Labels],
    ) -> Dict[str, TensorMap]:
        system = systems[0]
        near = system.get_neighbor_list(self.pairs)
        i = near.samples.column("first_atom").to(torch.int64)
        j = near.samples.column("second_atom").to(torch.int64)
        vectors = near.values.squeeze(-1) * (4.0 / self.length)
        if not self.full:
            i, j = torch.cat([i, j]), torch.cat([j, i])
            vectors = torch.cat([vectors, -vectors])
        squares = (vectors**2).sum(dim=1)
        fading = (1 - squares / 16.0) ** 3 * system.types.to(torch.int64)[j]
        shells = torch.exp(-self.widths * squares[:, None]) * fading[:, None]
        count = len(system)
        sums = torch.zeros((count, 5), dtype=vectors.dtype).index_add(0, i, shells)
        arrows = torch.zeros((count, 5, 3), dtype=vectors.dtype)
        arrows = arrows.index_add(0, i, shells[:, :, None] * vectors[:, None])
        products = torch.einsum("nax,nbx->nab", arrows, arrows).reshape(count, 25)
        values = torch.cat([sums, products], dim=1)
        if self.chiral:
            # torch's derivative of a determinant is wrong where it vanishes.
            area = torch.linalg.cross(arrows[:, 0], arrows[:, 1])
            volume = (area * arrows[:, 2]).sum(dim=1, keepdim=True)
            values = torch.cat([values, volume], dim=1)
        atoms = torch.arange(count, dtype=torch.int32)
        samples = Labels(["system", "atom"], torch.stack([0 * atoms, atoms], dim=1))
        # Not with Labels.range and Labels.single, which TorchScript runs but cannot save.
        numbers = torch.arange(values.shape[1], dtype=torch.int32)
        block = TensorBlock(values, samples, [], Labels(["feature"], numbers[:, None]))
        key = Labels(["_"], torch.zeros((1, 1), dtype=torch.int32))
        return {"feature": TensorMap(key, [block])}


class Changed(torch.nn.Module):
    """The model, with another map of its outputs."""

    def __init__(self, change: Callable[[TensorBlock], Dict[str, TensorMap]]) -> None:
        super().__init__()
        self.inner, self.change = Vectors(full=True), change

    def requested_neighbor_lists(self) -> List[NeighborListOptions]:
        return self.inner.requested_neighbor_lists()

    def forward(
        self,
        systems: List[System],
        outputs: Dict[str, ModelOutput],
        selected_atoms: Optional[Labels],
    ) -> Dict[str, TensorMap]:
        return self.change(self.inner(systems, outputs, selected_atoms)["feature"].block())


def wrap(module: torch.nn.Module, **changes) -> AtomisticModel:
    capabilities = {
        "outputs": {"feature": ModelOutput(sample_kind="atom")},
        "atomic_types": [1, 6, 8, 11, 14, 17, 29],
        "interaction_range": CUTOFF,
        "length_unit": "angstrom",
        "supported_devices": ["cpu"],
        "dtype": "float64",
        **changes,
    }
    return AtomisticModel(module.eval(), ModelMetadata(), ModelCapabilities(**capabilities))
