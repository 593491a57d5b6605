"""Running a notebook without an editor.

Belongs here: loading and running. Does not belong here: what is expected of it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[4]
NOTEBOOKS = sorted(path for path in (ROOT / "notebooks").glob("*.py"))


def run_notebook(name: str, given: dict[str, Any] | None = None, folder: Path = ROOT / "notebooks") -> dict[str, Any]:
    """Run every cell and return what they define; whatever a cell raises is raised."""
    specification = importlib.util.spec_from_file_location(f"notebook_{name}", folder / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    _outputs, definitions = module.app.run(defs=given or None)
    return dict(definitions)
