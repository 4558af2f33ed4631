"""Names of structures as users type them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import NamedTuple

COMMON = {
    "acetaldehyde": "CH3CHO",
    "acetamide": "CH3CONH2",
    "acetic acid": "CH3COOH",
    "acetone": "CH3COCH3",
    "acetonitrile": "CH3CN",
    "acetylene": "C2H2",
    "acetylsalicylic acid": "aspirin",
    "acrylonitrile": "H2CCHCN",
    "allene": "C3H4_D2d",
    "aluminum": "Al-fcc",
    "ammonia": "NH3",
    "aziridine": "CH2NHCH2",
    "benzene": "C6H6",
    "buckminsterfullerene": "C60",
    "butane": "trans-butane",
    "carbon dioxide": "CO2",
    "carbon disulfide": "CS2",
    "carbon monoxide": "CO",
    "carbon tetrachloride": "CCl4",
    "carbon tetrafluoride": "CF4",
    "cesium": "Cs-bcc",
    "chlorine": "Cl2",
    "chloroform": "HCCl3",
    "chloromethane": "CH3Cl",
    "cyanogen": "NCCN",
    "cyclopropane": "C3H6_D3h",
    "cyclopropene": "C3H4_C2v",
    "diamond": "C-diamond",
    "dichloromethane": "H2CCl2",
    "dimethyl ether": "CH3OCH3",
    "dimethyl sulfide": "CH3SCH3",
    "dimethyl sulfoxide": "C2H6SO",
    "dimethylamine": "C2H6NH",
    "disilane": "Si2H6",
    "ethane": "C2H6",
    "ethanethiol": "CH3CH2SH",
    "ethanol": "CH3CH2OH",
    "ethene": "C2H4",
    "ethylamine": "CH3CH2NH2",
    "ethylene": "C2H4",
    "ethyne": "C2H2",
    "fluorine": "F2",
    "formaldehyde": "H2CO",
    "formic acid": "HCOOH",
    "fullerene": "C60",
    "furan": "C4H4O",
    "glyoxal": "OCHCHO",
    "hydrazine": "N2H4",
    "hydrogen": "H2",
    "hydrogen chloride": "HCl",
    "hydrogen cyanide": "HCN",
    "hydrogen fluoride": "HF",
    "hydrogen peroxide": "H2O2",
    "hydrogen sulfide": "SH2",
    "hypochlorous acid": "HOCl",
    "isopropanol": "C2H6CHOH",
    "isopropyl alcohol": "C2H6CHOH",
    "ketene": "H2CCO",
    "lithium hydride": "LiH",
    "methane": "CH4",
    "methanethiol": "CH3SH",
    "methanol": "CH3OH",
    "methoxyethane": "CH3CH2OCH3",
    "methyl formate": "HCOOCH3",
    "methyl nitrite": "CH3ONO",
    "methylamine": "H3CNH2",
    "nitric oxide": "NO",
    "nitrogen": "N2",
    "nitrogen dioxide": "NO2",
    "nitromethane": "CH3NO2",
    "nitrous oxide": "N2O",
    "oxirane": "CH2OCH2",
    "oxygen": "O2",
    "ozone": "O3",
    "phosphine": "PH3",
    "propane": "C3H8",
    "propene": "C3H6_Cs",
    "propylene": "C3H6_Cs",
    "propyne": "C3H4_C3v",
    "pyridine": "C5H5N",
    "pyrrole": "C4H4NH",
    "rock salt": "NaCl-rocksalt",
    "silane": "SiH4",
    "silicon": "Si-diamond",
    "spiropentane": "C5H8",
    "sulfur dioxide": "SO2",
    "tetrafluoroethylene": "C2F4",
    "thiirane": "CH2SCH2",
    "thiophene": "C4H4S",
    "trimethylamine": "C3H9N",
    "vinyl chloride": "H2CCHCl",
    "water": "H2O",
}
"""Common names, and the corresponding names in the library.

Examples
--------
>>> from sensitivity import structures
>>> structures.COMMON["ethanol"]
'CH3CH2OH'
"""

# Without bonds, in lower case; for isomers the formula must be unambiguous.
_CONDENSED = {
    "(ch2)3": "C3H6_D3h",
    "(ch2)4": "cyclobutane",
    "(ch3)2chch3": "isobutane",
    "(ch3)2choh": "C2H6CHOH",
    "(ch3)2nh": "C2H6NH",
    "(ch3)2o": "CH3OCH3",
    "(ch3)2s": "CH3SCH3",
    "(ch3)3ch": "isobutane",
    "c2h5nh2": "CH3CH2NH2",
    "c2h5och3": "CH3CH2OCH3",
    "c2h5oh": "CH3CH2OH",
    "c2h5sh": "CH3CH2SH",
    "c6h5oh": "phenol",
    "ch2ch2": "C2H4",
    "ch2cch2": "C3H4_D2d",
    "ch2chchch2": "butadiene",
    "ch3ch3": "C2H6",
    "ch3cch": "C3H4_C3v",
    "ch3ccch3": "2-butyne",
    "ch3ch(oh)ch3": "C2H6CHOH",
    "ch3ch2ch2ch3": "trans-butane",
    "ch3chch2": "C3H6_Cs",
    "ch3chohch3": "C2H6CHOH",
    "ch3co2h": "CH3COOH",
    "ch3nh2": "H3CNH2",
    "ch3oc2h5": "CH3CH2OCH3",
    "chcl3": "HCCl3",
    "cos": "OCS",
    "dmso": "C2H6SO",
    "etoh": "CH3CH2OH",
    "h3coh": "CH3OH",
    "hcch": "C2H2",
    "hco2h": "HCOOH",
    "hoch3": "CH3OH",
    "hoh": "H2O",
    "hooh": "H2O2",
    "mecn": "CH3CN",
    "meoh": "CH3OH",
    "nh2nh2": "N2H4",
}


class Meaning(NamedTuple):
    """The structure that a name stands for, if unambiguous, and other candidates."""

    name: str | None
    near: Sequence[str] = ()


def interpret(name: str, known: Sequence[str], *, formulas: Mapping[str, str]) -> Meaning:
    """Return the meaning of a name; ``formulas`` has those of molecules, in Hill's order, by name.

    It may be a known or a common name, in any case; an element, which stands for its crystal unless
    another structure has this name; a condensed formula, also with bonds or subscripts; or a
    formula in Hill's order that only one molecule has.
    """
    words = " ".join(re.split(r"[\s_]+", name.lower().strip()))
    typed = re.sub(r"(?<=\w)[-–=≡](?=[A-Za-z(])", "", _without_subscripts(name.strip()))
    plain = re.sub(r"^(n|1,3)-", "", words.replace("sulph", "sulf")).replace("-", " ")
    common = COMMON.get(words) or COMMON.get(plain) or plain
    crystal = _crystal(name.strip(), known)
    for found in (name.strip(), typed, common, _CONDENSED.get(typed.lower()), crystal):
        if found in known:
            return Meaning(found)
    same = [each for each in known if each.lower() in {words, typed.lower()}]
    hill = _hill(typed)
    isomers = [each for each, formula in formulas.items() if hill and formula == hill]
    clear = same or (isomers if typed.upper() == hill.upper() else [])
    if len(clear) == 1:
        return Meaning(clear[0])
    if not clear and (crystal := _crystal(words.capitalize(), known)):
        return Meaning(crystal)
    near = dict.fromkeys((*same, *isomers))
    return Meaning(None, [*map(_with_common_name, near)] or _alike(words, known))


def _crystal(element: str, known: Sequence[str]) -> str | None:
    """Return the known crystal of an element, given by its symbol, or by its name in any case."""
    from ase.data import atomic_names, chemical_symbols

    names = [name.lower() for name in atomic_names]
    if element.lower() in names[1:]:
        element = chemical_symbols[names.index(element.lower())]
    lattices = "fcc", "bcc", "hcp", "diamond"
    return next((n for n in (f"{element}-{x}" for x in lattices) if n in known), None)


def _without_subscripts(text: str) -> str:
    return text.translate({ord("₀") + digit: str(digit) for digit in range(10)})


def _hill(text: str, *, longest: int = 40) -> str:
    """Return the formula in Hill's order; empty if the text is no formula."""
    from ase.formula import Formula

    if re.fullmatch(r"[A-Za-z0-9()]+", text) and len(text) <= longest:
        for form in (text, text.upper()):
            with suppress(ValueError):
                return str(Formula(form).format("hill"))
    return ""


def _with_common_name(name: str) -> str:
    common = next((word for word, known in COMMON.items() if known == name), None)
    return name if common is None else f"{name} ({common})"


def _alike(words: str, known: Sequence[str]) -> list[str]:
    """At most three names with similar letters; none for punctuation alone."""
    if not any(map(str.isalnum, words)):
        return []
    names = (*known, *COMMON)
    likeness = 0.7  # of less, iron would be nitrogen
    alike = get_close_matches(words, [each.lower() for each in names], n=3, cutoff=likeness)
    close = dict.fromkeys(alike)
    return [each for match in close for each in names if each.lower() == match][:3]
