"""Find what a descriptor of atomic structure does not see, and why.

The Jacobian of the map from atomic positions to features, its singular values, and their
interpretation. See https://doi.org/10.12688/openreseurope.14156.1 for the method.
"""

from __future__ import annotations

import os
import sys

# Only as the command: the word before its arguments is the script, or the module after "-m".
if os.path.basename("".join(sys.orig_argv[-len(sys.argv) :][:1])) in {
    "sensitivity",
    "sensitivity.exe",
    "-msensitivity",
}:
    try:
        from sensitivity.cli.ctrl_c import leave_on_interrupt

        leave_on_interrupt()  # from here on; an exception would be printed, or lost, in an import
    except KeyboardInterrupt:
        os.write(2, b"sensitivity: interrupted.\n")
        os._exit(130)

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sensitivity import structures
    from sensitivity.bands import Bands, bands
    from sensitivity.comparison import Comparison, compare
    from sensitivity.convergence import Convergence, convergence
    from sensitivity.descriptors import DensityCorrelations, GaussianTypeOrbitals, SphericalBessel
    from sensitivity.diagnosis import Diagnosis, diagnose
    from sensitivity.features import FeatureChange, pull_back, strongest_features
    from sensitivity.inversion import Inversion, NullMode, invert
    from sensitivity.jacobian import Jacobian, jacobian
    from sensitivity.metrics import Rattle
    from sensitivity.observation import feature_changes
    from sensitivity.paths import Path, follow
    from sensitivity.progress import Cancelled, Interrupted
    from sensitivity.rattle import rattle
    from sensitivity.reach import Reach, reach
    from sensitivity.singular import SingularPoint, Twin, find_twin, locate
    from sensitivity.smallest import Smallest, smallest
    from sensitivity.spectrum import Spectrum, spectrum
    from sensitivity.survey import Survey, open_survey, survey

__all__ = [
    "Bands",
    "Cancelled",
    "Comparison",
    "Convergence",
    "DensityCorrelations",
    "Diagnosis",
    "FeatureChange",
    "GaussianTypeOrbitals",
    "Interrupted",
    "Inversion",
    "Jacobian",
    "NullMode",
    "Path",
    "Rattle",
    "Reach",
    "SingularPoint",
    "Smallest",
    "Spectrum",
    "SphericalBessel",
    "Survey",
    "Twin",
    "bands",
    "compare",
    "convergence",
    "diagnose",
    "feature_changes",
    "find_twin",
    "follow",
    "invert",
    "jacobian",
    "locate",
    "open_survey",
    "pull_back",
    "rattle",
    "reach",
    "smallest",
    "spectrum",
    "strongest_features",
    "structures",
    "survey",
]

# The module of each name. A module is loaded when one of its names is first used, because loading
# all of them takes a third of a second.
_MODULES = {
    name: module
    for module, names in {
        "bands": ("Bands", "bands"),
        "comparison": ("Comparison", "compare"),
        "convergence": ("Convergence", "convergence"),
        "descriptors": ("DensityCorrelations", "GaussianTypeOrbitals", "SphericalBessel"),
        "diagnosis": ("Diagnosis", "diagnose"),
        "features": ("FeatureChange", "pull_back", "strongest_features"),
        "inversion": ("Inversion", "NullMode", "invert"),
        "jacobian": ("Jacobian", "jacobian"),
        "metrics": ("Rattle",),
        "observation": ("feature_changes",),
        "paths": ("Path", "follow"),
        "progress": ("Cancelled", "Interrupted"),
        "rattle": ("rattle",),
        "reach": ("Reach", "reach"),
        "singular": ("SingularPoint", "Twin", "find_twin", "locate"),
        "smallest": ("Smallest", "smallest"),
        "spectrum": ("Spectrum", "spectrum"),
        "survey": ("Survey", "open_survey", "survey"),
    }.items()
    for name in names
}


class _Package(ModuleType):
    """Load names and modules on first use.

    Where a function and its module share a name, such as ``spectrum``, the name is the function.
    """

    if not TYPE_CHECKING:  # a type checker would accept every name

        def __getattr__(self, name: str) -> Any:
            module = f"{__name__}.{_MODULES.get(name, name)}"
            if name.startswith("_") or find_spec(module) is None:
                raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
            loaded = import_module(module)
            value = vars(self)[name] = getattr(loaded, name) if name in _MODULES else loaded
            return value

    def __setattr__(self, name: str, value: Any) -> None:
        # An import leaves the module here, under its name.
        if not (isinstance(value, ModuleType) and name in _MODULES):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *__all__})


sys.modules[__name__].__class__ = _Package
