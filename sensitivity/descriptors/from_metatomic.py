"""Features of models in the metatomic format."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from sensitivity.descriptors.automatic_torch import AutomaticTorch, Map, check_modules
from sensitivity.descriptors.packages import required
from sensitivity.numerics import Array, Indices, check_real
from sensitivity.structures import neighbor_pairs


class Metatomic(AutomaticTorch):
    """The features of atoms that a metatomic model exports, such as one trained with metatrain.

    The model is called with positions in Å, in double precision, on the CPU. It is asked for the
    output "feature" of each atom. Whether inversion changes the features is measured on first use.
    TorchScript, as in models loaded from a file, is differentiated one product after the other;
    models made in Python many at once.

    Parameters
    ----------
    model
        A ``metatomic.torch.AtomisticModel``, or what ``metatomic.torch.load_atomistic_model``
        returns; of dtype "float64". Files are not opened here: loading one executes its code.
    output
        Name of the output: "feature" or a variant of it, such as "feature/last".
    cutoff
        Å: a center's features depend on the atoms within this distance only; by default the
        interaction range of the model, which must be finite then.

    Raises
    ------
    ImportError
        If metatomic-torch is missing.
    TypeError, ValueError
        If it is no such model, is in training mode or of single precision, has no such output or
        range, or needs further inputs; later, if a structure has species that it does not support.

    Examples
    --------
    A model is loaded first, as in ``Metatomic(load_atomistic_model("model.pt"))``:

    >>> from sensitivity.descriptors import Metatomic
    >>> Metatomic("model.pt")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    TypeError: model must be a loaded model, got the path 'model.pt'; if you trust the file, ...
    """

    cutoff: float

    def __init__(self, model: Any, *, output: str = "feature", cutoff: float | None = None) -> None:
        with required("metatomic-torch"):
            _import()
        if isinstance(model, str | os.PathLike):
            raise TypeError(
                f"model must be a loaded model, got the path {os.fspath(model)!r}; if you trust "
                "the file, whose code is executed, use metatomic.torch.load_atomistic_model."
            )
        if not all(callable(getattr(model, name, None)) for name in _METHODS):
            raise TypeError(
                f"model must be a metatomic.torch.AtomisticModel, got {type(model).__name__}; wrap "
                "a module in one, with its capabilities."
            )
        self.model, self.output = model, output
        self._capabilities = model.capabilities()
        check_modules(model.module, self.name)
        self._check_capabilities()
        reach = self._capabilities.engine_interaction_range("angstrom")
        if cutoff is None and not 0 < reach < np.inf:
            raise ValueError(
                f"the interaction range of {self.name} is {reach:g} Å; give cutoff, beyond which "
                "the features of a center change by nothing."
            )
        self.cutoff = float(reach if cutoff is None else cutoff)
        check_real(self.cutoff, "cutoff", "above 0", accepts=lambda x: 0 < x < np.inf)

    @property
    def name(self) -> str:
        """Name that the model gives itself, or "metatomic model"."""
        return str(self.model.metadata().name) or "metatomic model"

    @property
    def settings(self) -> Mapping[str, Any]:
        """The output and the cutoff."""
        return {"output": self.output, "cutoff": self.cutoff}

    def python(self) -> tuple[str, str]:
        """Return the import line, and the expression, in which ``model`` stands for the model."""
        line = "from sensitivity.descriptors import Metatomic\n# Load your model here."
        return line, f"Metatomic(model, output={self.output!r}, cutoff={self.cutoff!r})"

    def __repr__(self) -> str:
        return f"Metatomic({self.name}, output={self.output!r}, cutoff={self.cutoff:g})"

    def _check_capabilities(self) -> None:
        """Raise a TypeError or ValueError that names what the model lacks."""
        known = self._capabilities.outputs
        if self.output not in known:
            raise ValueError(
                f"{self.name} has no output {self.output!r}, only {', '.join(known) or 'none'}; "
                "export it with features of atoms."
            )
        if (kind := known[self.output].sample_kind) != "atom":
            raise ValueError(
                f'the output {self.output!r} of {self.name} has the sample kind "{kind}", which is '
                'no feature of an atom; export it with sample_kind="atom".'
            )
        if "cpu" not in self._capabilities.supported_devices:
            raise ValueError(
                f"{self.name} does not support the CPU, on which it is analysed here; export it "
                'with "cpu" among its supported_devices.'
            )
        if not self._capabilities.length_unit:
            raise ValueError(
                f"{self.name} states no unit of length, and positions here are in Å; export it "
                'with its length_unit, such as "angstrom".'
            )
        if self._capabilities.dtype != "float64":
            raise TypeError(
                f"{self.name} has {self._capabilities.dtype}, too coarse for small singular "
                'values; export it with dtype="float64".'
            )
        if needed := ", ".join(self.model.requested_inputs(use_new_names=True)):
            raise ValueError(f"{self.name} needs further inputs, {needed}, which no structure has.")

    def _check_species(self, atoms: Atoms) -> None:
        supported = self._capabilities.atomic_types
        if unknown := sorted(set(np.unique(atoms.numbers).tolist()) - set(supported)):
            names = ", ".join(chemical_symbols[number] for number in unknown)
            raise ValueError(
                f"{self.name} supports {len(supported)} species, without {names}; choose a "
                "structure without, or another model."
            )

    def _map(self, atoms: Atoms, centers: tuple[int, ...]) -> Map:
        import torch

        metatomic = _import()
        self._check_species(atoms)
        cell = np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)
        lists = [
            (options, *_pairs(atoms, options.engine_cutoff("angstrom"), full=options.full_list))
            for options in self.model.requested_neighbor_lists()
        ]
        types = torch.tensor(atoms.numbers, dtype=torch.int32)
        box, periodic = torch.tensor(cell), torch.tensor(atoms.pbc)
        output = metatomic.ModelOutput(sample_kind="atom")
        asked = metatomic.ModelEvaluationOptions("angstrom", {self.output: output})

        def features(positions: Any) -> Any:
            # Copies, since a model may change them in place.
            system = metatomic.System(types.clone(), positions, box.clone(), periodic.clone())
            for options, samples, shifts in lists:
                system.add_neighbor_list(options, _block(positions, samples, shifts))
            try:
                found = self.model([system], asked, check_consistency=False)
            except KeyError as error:  # of metatomic, which looks up the unit of each output
                raise ValueError(
                    f"{self.name} returns an output {error} that it does not declare; return what "
                    "is asked for, or declare it among its capabilities."
                ) from error
            if self.output not in found:
                raise ValueError(
                    f"{self.name} returns {', '.join(found) or 'nothing'} when asked for "
                    f"{self.output!r}; return what is asked for."
                )
            return _rows(found[self.output], centers)

        return features


_METHODS = ("capabilities", "metadata", "requested_neighbor_lists", "requested_inputs")


def _import() -> Any:
    """Import metatomic, which warns of scripting in torch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import metatomic.torch
    return metatomic.torch


def _pairs(atoms: Atoms, cutoff: float, *, full: bool) -> tuple[Indices, Array]:
    """Return the atoms and cells of pairs, (pairs, 5), and the vectors of cells, (pairs, 3), Å.

    Every pair once, or, if ``full``, in both directions.
    """
    pairs = neighbor_pairs(atoms, cutoff)
    straight = atoms.positions[pairs.j] - atoms.positions[pairs.i]
    cell = np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)
    cells = np.rint((pairs.vectors - straight) @ np.linalg.pinv(cell)).astype(np.intp)
    ahead = (cells[:, ::-1] * np.array([1, 10**6, 10**12])[::-1]).sum(axis=1) > 0
    kept = (pairs.i < pairs.j) | ((pairs.i == pairs.j) & ahead) | full
    return np.column_stack([pairs.i, pairs.j, cells])[kept], (cells @ cell)[kept]


def _block(positions: Any, samples: Indices, shifts: Array) -> Any:
    """Return a neighbour list of metatomic, which depends on the positions."""
    import torch
    from metatensor.torch import Labels, TensorBlock

    first, second = torch.tensor(samples[:, :2].T)
    vectors = positions[second] - positions[first] + torch.tensor(shifts)
    names = ["first_atom", "second_atom", *(f"cell_shift_{axis}" for axis in "abc")]
    return TensorBlock(
        vectors[:, :, None],
        Labels(names, torch.tensor(samples, dtype=torch.int32)),
        [Labels.range("xyz", 3)],
        Labels.range("distance", 1),
    )


def _rows(found: Any, centers: tuple[int, ...]) -> Any:
    """Return the features of centers from a map of tensors of metatomic."""
    if len(found) != 1 or found.block().components:
        dimensions = [str(block.values.dim()) for block in found.blocks()]
        raise ValueError(
            "the features of a metatomic model must be scalars in one block, of 2 dimensions, got "
            f"{len(found)} blocks, of {', '.join(dimensions) or 'no'} dimensions."
        )
    block = found.block()
    if "atom" not in block.samples.names:
        raise ValueError(
            "the features of a metatomic model must have samples with the name atom, got "
            f"{', '.join(block.samples.names)}; return features of atoms."
        )
    rows = {atom: row for row, atom in enumerate(block.samples.column("atom").tolist())}
    if missing := [center for center in centers if center not in rows]:
        raise ValueError(
            f"the metatomic model returns features of {len(rows)} atoms, without atom "
            f"{missing[0]}; return those of all atoms, in any order."
        )
    return block.values[[rows[center] for center in centers]]
