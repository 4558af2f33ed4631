"""The table of thresholds holds what is decided by in more than one place, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import sensitivity
from sensitivity.tolerances import Tolerance


def test_every_threshold_is_used_in_two_places_at_least() -> None:
    files = Path(sensitivity.__file__).parent.rglob("*.py")
    uses = Counter(re.findall(r"(?<!`)Tolerance\.([A-Z_]+)", "".join(f.read_text() for f in files)))
    rows = {name for name in vars(Tolerance) if name.isupper()}
    assert rows == set(uses)
    assert min(uses.values()) >= 2
