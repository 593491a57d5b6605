"""Where other tools keep their logs on this machine.

Belongs here: each tool's folders and the environment variables that move them; a recording's working directory where a
file beside it says so. Does not belong here: reading logs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_MARKER_MAX: Final = 4096
_PATTERNS: Final = {
    "claude-code": ("*.jsonl",),
    "codex": ("rollout-*.jsonl",),
    "gemini-cli": ("session-*.json", "*.jsonl"),
    "openai-usage-csv": ("*.csv", "*.tsv"),
    "litellm": ("*.json", "*.jsonl", "*.csv"),
    "otel": ("*.json", "*.jsonl", "*.pb"),
}


def default_files(importer: str, environment: Mapping[str, str], home: Path) -> list[Path]:
    """Return the logs of a tool, oldest first; none for importers whose files have no place of their own.

    Args:
        importer: name of an importer.
        environment: variables of this process.
        home: the person's folder.
    """
    found = set(_each(importer, environment, home))
    return sorted(found, key=lambda path: (_changed(path), str(path)))


def default_places(importer: str, environment: Mapping[str, str], home: Path) -> list[Path]:
    """Return the folders that `default_files` looks into, whether they exist or not."""
    match importer:
        case "claude-code":
            named = [part.strip() for part in environment.get("CLAUDE_CONFIG_DIR", "").split(",") if part.strip()]
            config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
            bases = [Path(part).expanduser() for part in named] or [home / ".claude", config / "claude"]
            return [base / "projects" for base in bases]
        case "codex":
            base = Path(environment.get("CODEX_HOME") or home / ".codex").expanduser()
            return [base / "sessions", base / "archived_sessions"]
        case "gemini-cli":
            base = Path(environment.get("GEMINI_CLI_HOME") or home).expanduser()
            return [base / ".gemini" / "tmp"]
        case _:
            return []


def files_in(importer: str, folder: Path) -> list[Path]:
    """Return the files of a folder that an importer reads, in the order of their names."""
    return sorted(path for pattern in _PATTERNS[importer] for path in folder.rglob(pattern) if path.is_file())


def workdir_beside(importer: str, path: Path) -> str | None:
    """Return the working directory that a file beside a recording names, None when there is none."""
    if importer != "gemini-cli":
        return None
    for folder in list(path.parents)[:4]:
        if folder.name != "chats":
            continue
        try:
            with (folder.parent / ".project_root").open("rb") as marker:
                named = marker.read(_MARKER_MAX).decode("utf-8", errors="replace").strip()
        except OSError:
            return None
        return named or None
    return None


def _each(importer: str, environment: Mapping[str, str], home: Path) -> Iterator[Path]:
    for place in default_places(importer, environment, home):
        if importer == "gemini-cli":  # beside chats there are other files, and many
            for project in _folders(place):
                yield from files_in(importer, project / "chats")
        else:
            yield from files_in(importer, place)


def _folders(place: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(place) if entry.is_dir()]
    except OSError:
        return []


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
