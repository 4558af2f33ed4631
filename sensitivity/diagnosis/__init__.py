"""Causes of displacements that a descriptor does not see, with evidence."""

from sensitivity.diagnosis.causes import CAUSE_DESCRIPTIONS, CAUSES, Cause, CauseDescription
from sensitivity.diagnosis.diagnose import diagnose
from sensitivity.diagnosis.diagnosis import Diagnosis
from sensitivity.diagnosis.evidence import DiagnosedMode, Evidence, Nearer

__all__ = [
    "CAUSES",
    "CAUSE_DESCRIPTIONS",
    "Cause",
    "CauseDescription",
    "DiagnosedMode",
    "Diagnosis",
    "Evidence",
    "Nearer",
    "diagnose",
]
