"""The golden batches, one per generation of daemons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(params=[("0.2", 24), ("0.3", 28), ("0.6", 29)], ids=lambda param: param[0])
def golden(request: pytest.FixtureRequest) -> tuple[dict[str, Any], int]:
    """A batch as that generation sends it, and how many keys its records have."""
    release, keys = request.param
    return json.loads((GOLDEN / f"batch-{release}.json").read_text()), keys
