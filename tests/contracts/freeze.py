"""Freezes the wire contract as it stands: `python tests/contracts/freeze.py`, on purpose only.

Belongs here: how the contract is turned into bytes and digests. Does not belong here: the judging of changes, which is
a person's: daemons in the field cannot be updated by a commit.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import msgspec

import daemon.wire

HERE = Path(__file__).parent
SCHEMA_FILE = HERE / "wire-schema.json"
DIGESTS_FILE = HERE / "frozen.json"


def wire_messages() -> list[type[msgspec.Struct]]:
    """Return every message class of `daemon.wire`, by name."""
    modules = [
        importlib.import_module(f"daemon.wire.{info.name}") for info in pkgutil.iter_modules(daemon.wire.__path__)
    ]
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__
    }
    return sorted(found, key=lambda message: message.__name__)


def wire_schema() -> bytes:
    """Return the JSON schema of all messages in a canonical form; prose is left out, so that it may improve."""
    _, components = msgspec.json.schema_components(wire_messages(), ref_template="#/$defs/{name}")
    return json.dumps(_without_prose(components), indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n"


def _without_prose(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: _without_prose(v) for k, v in value.items() if not (k == "description" and isinstance(v, str))}
        if isinstance(kept.get("required"), list):
            kept["required"] = sorted(kept["required"])
        return kept
    if isinstance(value, list):
        return [_without_prose(item) for item in value]
    return value


def digests() -> dict[str, str]:
    """Return the SHA-256 of the schema and of every golden batch."""
    golden = {f"golden/{path.name}": path.read_bytes() for path in sorted((HERE / "golden").glob("*.json"))}
    return {
        name: hashlib.sha256(content).hexdigest() for name, content in {"wire-schema": wire_schema(), **golden}.items()
    }


if __name__ == "__main__":
    SCHEMA_FILE.write_bytes(wire_schema())
    DIGESTS_FILE.write_text(json.dumps(digests(), indent=1) + "\n")
