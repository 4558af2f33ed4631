"""Packages that warn when they are imported: of missing extensions, and of scripting in torch."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import metatomic.torch  # noqa: F401
    import torchani.aev  # noqa: F401
