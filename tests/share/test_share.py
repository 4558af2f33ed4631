"""Pages and chemiscope data of a survey: complete, self-contained, escaped."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from ase import Atoms

from sensitivity import DensityCorrelations, structures, survey
from sensitivity.share import survey_chemiscope
from sensitivity.share.survey_page import survey_page
from sensitivity.survey import Survey


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    return [structures.load(name) for name in ("X0", "CH4", "CH3OH")] + [Atoms()]


@pytest.fixture(scope="module")
def found(frames) -> Survey:
    return survey(frames, DensityCorrelations(n_max=4, l_max=4))


class Reader(HTMLParser):
    """Collects addresses and text, and checks that elements are closed in order."""

    EMPTY = ("meta", "img", "source", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attributes) -> None:
        self.addresses += [v for k, v in attributes if k in ("src", "srcset", "href")]
        assert tag != "script"
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.texts.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    return reader


def test_a_page_needs_no_other_file(found: Survey, frames) -> None:
    reader = read(survey_page(found, frames=frames))
    assert len(reader.addresses) == 2 * (2 + len(found.worst()["frame"]))
    assert all(address.startswith("data:image/svg+xml;base64,") for address in reader.addresses)


def test_a_page_holds_sums_worst_environments_settings_and_problems(found: Survey, frames) -> None:
    text = " ".join(read(survey_page(found, frames=frames)).texts)
    assert found.status in text
    worst, totals = found.worst(), found.totals
    for frame, center, species in zip(
        worst["frame"], worst["center"], worst["species"], strict=True
    ):
        assert f"frame {frame}, {species}{center}" in text
    for cause, number in totals.displacements.items():
        assert re.search(rf"by {cause} {number} {totals.affected[cause]} ", text)
    for name in ("n_max", "cutoff", "tolerance"):
        assert name in text
    assert "no atoms" in text


def test_each_cell_of_a_wide_table_has_its_heading(found: Survey) -> None:
    """A narrow screen shows the columns below each other."""
    page = survey_page(found)
    wide = re.findall(r'<table role="table" class="many">.*?</table>', page)
    assert len(wide) == 2
    for table in wide:
        heads = re.findall(r"<th [^>]*>(.*?)</th>", table)
        assert len(heads) > 3
        for row in re.findall(r"<tr[^>]*>(<td.*?)</tr>", table):
            assert re.findall(r'data-head="(.*?)"', row) == heads


def test_text_from_files_is_escaped(found: Survey) -> None:
    name = "<script>alert('&')</script>"
    settings = {**found.settings, "select": name}
    page = survey_page(replace(found, settings=settings))
    assert name not in page
    assert name in read(page).texts


def test_a_page_is_the_same_each_time(found: Survey) -> None:
    assert survey_page(found) == survey_page(found)


def test_chemiscope_links_environments_and_properties(found: Survey, frames) -> None:
    pytest.importorskip("chemiscope")
    data = json.loads(survey_chemiscope(found, frames))
    table = found.table()
    known = np.isfinite(table["condition_without_symmetry"])
    assert len(data["structures"]) == 3
    for place, row in zip(data["environments"], np.flatnonzero(known), strict=True):
        assert (place["structure"], place["center"]) == (table["frame"][row], table["center"][row])
        assert place["cutoff"] == found.settings["cutoff"]
    values = data["properties"]["condition"]["values"]
    assert values == table["condition"][known].tolist()
    assert set(data["properties"]["cause"]["values"]) >= {"symmetry", "incompleteness"}
    named = [data["settings"]["map"][axis]["property"] for axis in ("x", "y", "color")]
    assert {*named, data["settings"]["map"]["symbol"]} <= set(data["properties"])


def test_chemiscope_takes_some_rows(found: Survey, frames) -> None:
    pytest.importorskip("chemiscope")
    data = json.loads(survey_chemiscope(found, frames, rows=found.worst(1)))
    assert len(data["structures"]) == len(data["environments"]) == 1
    with pytest.raises(ValueError, match="rows must have a condition"):
        survey_chemiscope(found, frames, rows=found.failures())
