"""Settings of the documentation site: ``docs/serve`` builds and serves it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

from sphinx.util.inspect import TypeAliasForwardRef, signature, stringify_signature
from traitlets import HasTraits

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs/_extensions")]

from sensitivity.app.server_limits import ServerLimit  # noqa: E402
from sensitivity.limits import Limit  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# All addresses of the project stand in pyproject.toml, and nowhere in the site.
SOURCE, SITE = PROJECT["urls"]["Source"], PROJECT["urls"]["Documentation"]
EXTRA = ROOT / "build/pages"  # by docs/make_gallery.py
BINDER = {
    "JupyterLab": "lab/tree/notebooks/1-methane.ipynb",
    "Course": "lab/tree/notebooks/README.md",
    "Explorer": "voila/render/sensitivity/app/explorer.ipynb",
}


def binder_address(path: str) -> str:
    """Address at which Binder opens a file of this version."""
    repository = SOURCE.removeprefix("https://github.com/")
    return f"https://mybinder.org/v2/gh/{repository}/v{PROJECT['version']}?urlpath={path}"


project = "sensitivity"
author = "The sensitivity developers"
copyright = "2026, the sensitivity developers"
version = release = PROJECT["version"]
SOFTWARE = f"""```bibtex
@software{{sensitivity,
  author  = {{{{{author}}}}},
  title   = {{{project}}},
  version = {{{version}}},
  year    = {{{copyright[:4]}}},
  url     = {{{SOURCE}}}
}}
```"""

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.githubpages",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx-mathjax-offline",  # the site fetches nothing from another machine
    "command_reference",
    "internal_links",
    "repository",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_extensions", "_templates", "pictures/*.py"]
nitpicky = True
# Types of signatures that have no page: aliases of numpy arrays, and classes of other packages.
nitpick_ignore_regex = [("py:class", ".*"), ("py:obj", ".*")]

# Pages of the repository
repository_source = SOURCE
myst_enable_extensions = [
    "amsmath",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "substitution",
]
myst_heading_anchors = 3
myst_substitutions = {
    "gallery": '<a href="../gallery/index.html">gallery</a>' if EXTRA.exists() else "gallery",
    "binder": " · ".join(f"[{name}]({binder_address(path)})" for name, path in BINDER.items()),
    "memory": f"{ServerLimit.MEMORY / 1e9:g} GB",
    "software": SOFTWARE,
    "upload": f"{Limit.UPLOAD / 1e6:g} MB",
    "visitors": ServerLimit.VISITORS,
}
nb_execution_mode = "off"  # docs/execute_course.py does it
nb_render_markdown_format = "myst"

# API
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
autosummary_ignore_module_all = False
# The class and the function of one name would be one file where case does not count.
autosummary_filename_map = {
    f"sensitivity.{name}": f"sensitivity.{name}-class"
    for name in (
        "Bands",
        "Convergence",
        "Jacobian",
        "Rattle",
        "Reach",
        "Smallest",
        "Spectrum",
        "Survey",
    )
} | {"sensitivity.course.Check": "sensitivity.course.Check-class"}
autodoc_type_aliases = {
    name: name
    for name in ("Array", "Cause", "Centers", "Indices", "Mask", "PointCause", "Progress", "Table")
}
# Sphinx 9 writes how it represents an alias, where it is one of several types.
TypeAliasForwardRef.__repr__ = lambda alias: alias.name  # type: ignore[method-assign]
numpydoc_show_class_members = False
numpydoc_use_plots = True
plot_basedir = str(ROOT / "docs")
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = True
plot_formats = [("png", 150)]
plot_rcparams = {"figure.autolayout": True}
plot_apply_rcparams = True

# Look
html_theme = "pydata_sphinx_theme"
html_title = "sensitivity"
html_favicon = "_static/icon.svg"
html_logo = "_static/icon.svg"
html_static_path = ["_static"]
html_extra_path = [str(EXTRA)] if EXTRA.exists() else []
html_css_files = ["site.css"]
html_baseurl = SITE
html_show_sourcelink = False
html_sidebars = {page: [] for page in ("benchmarks", "commands", "explorers", "start")}
html_theme_options = {
    "logo": {"text": "sensitivity"},
    "github_url": SOURCE,
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def sign_widgets(
    app: Any, what: str, name: str, found: Any, options: Any, given: str | None, returns: str | None
) -> tuple[str | None, str | None] | None:
    """Give widgets the signature of their ``__init__``, which traitlets hides."""
    if what != "class" or not issubclass(found, HasTraits):
        return None
    made = signature(found.__init__, bound_method=True, type_aliases=autodoc_type_aliases)
    short = {"unqualified_typehints": True, "show_return_annotation": False}
    return stringify_signature(made, **short), returns


def setup(app: Any) -> None:
    """Connect it."""
    app.connect("autodoc-process-signature", sign_widgets)
