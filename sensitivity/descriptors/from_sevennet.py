"""Atom features of SevenNet, a pretrained equivariant potential."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ase import Atoms

from sensitivity.descriptors.automatic_torch import Map
from sensitivity.descriptors.packages import required
from sensitivity.descriptors.pretrained import Pretrained, reading_weights
from sensitivity.structures import neighbor_pairs

_FILES = {  # names of constants of sevenn
    "7net-0": "SEVENNET_0_11Jul2024",
    "7net-0_22may2024": "SEVENNET_0_22May2024",
    "7net-l3i5": "SEVENNET_l3i5",
}


class SevenNet(Pretrained):
    """The invariant features of atoms in SevenNet, from which it computes energies.

    These are 128 features after its last interaction; Park, Kim, Hwang, Han, Journal of Chemical
    Theory and Computation 20, 4857 (2024), doi 10.1021/acs.jctc.4c00190. They are computed in
    double precision. Its equivariant features have no parity, so that they are invariant under
    proper rotations only, SO(3): mirror images of a chiral structure differ. The receptive field is
    the number of interactions times the cutoff: 25 Å for "7net-0".

    The Clebsch-Gordan coefficients in the package are rounded to single precision, which breaks
    rotational invariance by 1e-10; they are replaced by exact ones, and ``remarks`` states the
    change. A cell is not needed. Features of an atom without neighbours are constant.

    Parameters
    ----------
    model
        "7net-0", "7net-0_22may2024" or "7net-l3i5".

    Raises
    ------
    ImportError
        If sevenn or its weights are missing.
    ValueError
        If there is no such model; later, if a structure has elements that it does not know.

    Examples
    --------
    >>> from ase.build import bulk
    >>> from sensitivity import spectrum
    >>> from sensitivity.descriptors import SevenNet
    >>> spectrum(bulk("NaCl", "rocksalt", a=5.64), SevenNet()).rank
    0
    """

    inversion_invariant = False
    models = tuple(_FILES)
    effort = 200.0

    def __init__(self, model: str = "7net-0") -> None:
        super().__init__(model)
        self._network = _load(model)
        self.cutoff = self._network.layers * self._network.cutoff

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on what was found on first use, and on the repair."""
        count, change = self._network.repaired, self._network.change
        repair = (
            f"{count} tables of Clebsch-Gordan coefficients of single precision were replaced by "
            f"exact ones: changes of up to {change:.0e}."
        )
        return (*super().remarks, repair)

    def _at_once(self, atoms: Atoms) -> int:
        return 4  # more are slower, as all intermediate values no longer fit into the cache

    def _map(self, atoms: Atoms, centers: tuple[int, ...]) -> Map:
        import torch

        network, rows = self._network, list(centers)
        self._check_species(atoms, network.species)
        near = neighbor_pairs(atoms, network.cutoff)
        straight = atoms.positions[near.j] - atoms.positions[near.i]
        i, j, shifts = (torch.tensor(each) for each in (near.i, near.j, near.vectors - straight))
        places = torch.tensor([network.species[number] for number in atoms.numbers.tolist()])

        def features(positions: Any) -> Any:
            data = {
                "x": places,
                "edge_index": torch.stack([i, j]),
                "edge_vec": positions[j] - positions[i] + shifts,
                "num_atoms": torch.tensor(len(atoms)),
            }
            for module in network.modules:
                data = module(data)
                if data["x"].dtype == torch.float32:  # of one-hot vectors
                    data = {name: _double(each) for name, each in data.items()}
            return data["x"][rows]

        return features


class _Network(NamedTuple):
    modules: list[Any]  # up to the features of atoms
    species: dict[int, int]  # places of atomic numbers
    cutoff: float  # Å, of one interaction
    layers: int
    repaired: int  # tables of Clebsch-Gordan coefficients
    change: float  # the largest of one coefficient


@cache
def _load(model: str) -> _Network:
    """Return the network up to its features of atoms, in double precision."""
    with required("sevenn"), _unscripted():
        from sevenn import _const
        from sevenn.util import load_checkpoint

        file = Path(str(getattr(_const, _FILES[model])))
        with reading_weights("sevenn", model):
            if not file.is_file():  # sevenn would download it
                raise FileNotFoundError(file)
            network = load_checkpoint(file).build_model()
    network = network.double().eval().requires_grad_(False)
    network.set_is_batch_data(False)
    changes = [_repair(name, table) for name, table in network.named_buffers() if "_w3j_" in name]
    names = list(network._modules)
    last = max(number for number, name in enumerate(names) if name.endswith("equivariant_gate"))
    return _Network(
        modules=list(network._modules.values())[: last + 1],
        species=dict(network.type_map),
        cutoff=float(network.cutoff),
        layers=sum(name.endswith("_convolution") for name in names),
        repaired=len(changes),
        change=max(changes),
    )


@contextmanager
def _unscripted() -> Iterator[None]:
    """Let e3nn leave its code as Python, over which torch can batch; it warns on import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import e3nn

        usual = e3nn.get_optimization_defaults()
        e3nn.set_optimization_defaults(jit_mode="eager", jit_script_fx=False)
        try:
            yield
        finally:
            e3nn.set_optimization_defaults(**usual)


def _repair(name: str, table: Any) -> float:
    """Replace Clebsch-Gordan coefficients by exact ones of the same sign; return the change."""
    import torch
    from e3nn import o3

    degrees = [int(degree) for degree in name.rsplit("_w3j_", 1)[1].split("_")]
    exact = o3.wigner_3j(*degrees, dtype=torch.float64)
    exact = exact * torch.sign((exact * table).sum())
    change = float((exact - table).abs().max())
    table.copy_(exact)
    return change


def _double(value: Any) -> Any:
    import torch

    return value.double() if value.dtype == torch.float32 else value
