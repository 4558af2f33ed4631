"""Why a descriptor does not see a displacement, with evidence."""

from sensitivity.diagnosis.diagnose import diagnose
from sensitivity.diagnosis.diagnosis import CAUSES, Cause, DiagnosedMode, Diagnosis, Evidence

__all__ = ["CAUSES", "Cause", "DiagnosedMode", "Diagnosis", "Evidence", "diagnose"]
