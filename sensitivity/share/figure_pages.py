"""Bands and comparisons as HTML files: a figure, the tables of the command, and the data."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes

from sensitivity.bands import Bands
from sensitivity.comparison import Comparison
from sensitivity.plots import plot_bands, plot_comparison
from sensitivity.reports.comparisons import describe_comparison, tabulate_comparison
from sensitivity.reports.crystals import describe_bands, tabulate_bands
from sensitivity.reports.tables import Json
from sensitivity.share.document import check_size, make_document, markup, settings_table
from sensitivity.share.facts import list_versions
from sensitivity.share.pictures import draw_picture
from sensitivity.structures.files.reading import Source

SCRIPTS = ("elements.js", "figure.js")


def bands_page(bands: Bands, *, source: Source) -> str:
    """Return the page of bands; ValueError if it would be larger than 5 MB."""
    report = describe_bands(bands, bands.descriptor, source=source)
    table = tabulate_bands(bands, bands.descriptor, source=source)
    title = "Singular values along the path of wave vectors"
    return _make(title, report, table, lambda ax: plot_bands(bands, ax=ax))


def comparison_page(comparison: Comparison, *, source: Source) -> str:
    """Return the page of a comparison; ValueError if it would be larger than 5 MB."""
    named = dict(zip(comparison.names, comparison.descriptors, strict=True))
    report = describe_comparison(comparison, named, source=source)
    table = tabulate_comparison(comparison, named, source=source)
    title = "Singular values of all descriptors over their scales"
    return _make(title, report, table, lambda ax: plot_comparison(comparison, ax=ax))


def _make(title: str, report: Json, table: str, draw: Callable[[Axes], object]) -> str:
    structure = report["structure"]
    body = [
        f"<h1>{markup(structure['name'])}</h1>",
        f"<p>{markup(report['status'])}</p>",
        draw_picture(title, draw, size=(5.2, 3.4)),
        '<p><button type="button" id="save-data">Download data</button></p>',
        f'<pre class="wide" tabindex="0">{_markup_lines(table)}</pre>',
        *settings_table({"structure": structure["formula"], **list_versions()}),
    ]
    heading = f"{structure['name']}: {title.lower()}"
    text = make_document(heading, body, scripts=SCRIPTS, data={"report": report})
    return check_size(text, atoms=len(structure["symbols"]))


def _markup_lines(text: str) -> str:
    """Return lines of text as markup."""
    return chr(10).join(map(markup, text.splitlines()))
