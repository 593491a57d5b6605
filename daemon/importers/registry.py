"""The importers by name: what each reads, and how.

Belongs here: one entry per importer, and choosing between a file's two forms. Does not belong here: formats (a module
each), default places (`places`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from daemon.importers.claude_code import ClaudeCodeLines
from daemon.importers.codex import CodexLines
from daemon.importers.draft import DocumentReader, LineReaderMaker
from daemon.importers.gemini_cli import GeminiLines, gemini_document
from daemon.importers.litellm import litellm_log
from daemon.importers.openai_usage_csv import openai_usage_csv
from daemon.importers.otel import OtelLines, otel_document


def _always(path: Path, first_line: bytes) -> bool:
    return bool(path) or bool(first_line)


@dataclass(frozen=True)
class Importer:
    """One kind of source.

    Attributes:
        name: as the command names it.
        title: as people name it.
        lines: makes readers of files that grow by lines; None where there are none.
        document: reads files that are read as a whole; None where there are none.
        by_lines: whether a file, by its path and first line, is one that grows by lines, where both exist.
    """

    name: str
    title: str
    lines: LineReaderMaker | None = None
    document: DocumentReader | None = None
    by_lines: Callable[[Path, bytes], bool] = _always

    def reads_lines(self, path: Path, first_line: bytes) -> bool:
        """Return whether a file is to be read by lines rather than as a whole."""
        if self.lines is None or self.document is None:
            return self.document is None
        return self.by_lines(path, first_line)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, RecursionError):
        return False


def _ends_in_lines(path: Path, first_line: bytes) -> bool:
    return path.suffix.lower() != ".json" and bool(first_line)


def _first_is_object(path: Path, first_line: bytes) -> bool:
    return bool(path) and _is_object(first_line)


IMPORTERS: Final = {
    importer.name: importer
    for importer in (
        Importer("claude-code", "Claude Code", lines=ClaudeCodeLines),
        Importer("codex", "Codex", lines=CodexLines),
        Importer("gemini-cli", "Gemini CLI", GeminiLines, gemini_document, _ends_in_lines),
        Importer("openai-usage-csv", "OpenAI usage export", document=openai_usage_csv),
        Importer("litellm", "LiteLLM spend log", document=litellm_log),
        Importer("otel", "OpenTelemetry traces", OtelLines, otel_document, _first_is_object),
    )
}
"""Importers by the name the command knows them by."""
