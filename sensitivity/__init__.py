"""Ask what a descriptor of atomic structure does not see, and why.

The Jacobian of the map from atomic positions to features, its singular values, and what they
mean. See https://doi.org/10.12688/openreseurope.14156.1 for the method.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sensitivity import structures
    from sensitivity.convergence import Convergence, convergence
    from sensitivity.descriptors import DensityCorrelations, GaussianTypeOrbitals, SphericalBessel
    from sensitivity.diagnosis import Diagnosis, diagnose
    from sensitivity.inversion import Inversion, NullMode, invert
    from sensitivity.jacobian import Jacobian, jacobian
    from sensitivity.paths import Path, follow
    from sensitivity.singular import SingularPoint, Twin, find_twin, locate
    from sensitivity.spectrum import Spectrum, spectrum

__all__ = [
    "Convergence",
    "DensityCorrelations",
    "Diagnosis",
    "GaussianTypeOrbitals",
    "Inversion",
    "Jacobian",
    "NullMode",
    "Path",
    "SingularPoint",
    "Spectrum",
    "SphericalBessel",
    "Twin",
    "convergence",
    "diagnose",
    "find_twin",
    "follow",
    "invert",
    "jacobian",
    "locate",
    "spectrum",
    "structures",
]

# Where each name comes from when it is first asked for. Loading all takes a third of a second and
# more, in which the command could not be interrupted without a traceback.
_HOMES = {
    "convergence": ("Convergence", "convergence"),
    "descriptors": ("DensityCorrelations", "GaussianTypeOrbitals", "SphericalBessel"),
    "diagnosis": ("Diagnosis", "diagnose"),
    "inversion": ("Inversion", "NullMode", "invert"),
    "jacobian": ("Jacobian", "jacobian"),
    "paths": ("Path", "follow"),
    "singular": ("SingularPoint", "Twin", "find_twin", "locate"),
    "spectrum": ("Spectrum", "spectrum"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # a type checker would take every name for one that is there

    def __getattr__(name: str) -> Any:
        """Load a public name, or a module of the package."""
        if name.startswith("_"):
            raise AttributeError(_missing(name))
        home = f"{__name__}.{_HOME.get(name, name)}"
        try:
            module = import_module(home)
        except ModuleNotFoundError as error:
            if error.name != home:
                raise
            raise AttributeError(_missing(name)) from None
        return globals().setdefault(name, getattr(module, name) if name in _HOME else module)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _missing(name: str) -> str:
    return f"module {__name__!r} has no attribute {name!r}"


class _Package(ModuleType):
    """Where a function and its module have one name, such as ``spectrum``, it is the function."""

    def __setattr__(self, name: str, value: Any) -> None:
        # An import leaves the module here, under its name.
        if not (isinstance(value, ModuleType) and name in _HOME):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
