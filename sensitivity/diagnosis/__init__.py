"""Why a descriptor does not see a displacement, with evidence."""

from sensitivity.diagnosis.diagnose import diagnose
from sensitivity.diagnosis.diagnosis import CAUSES, Cause, DiagnosedMode, Diagnosis, Evidence
from sensitivity.diagnosis.evidence import feature_changes

__all__ = [
    "CAUSES",
    "Cause",
    "DiagnosedMode",
    "Diagnosis",
    "Evidence",
    "diagnose",
    "feature_changes",
]
