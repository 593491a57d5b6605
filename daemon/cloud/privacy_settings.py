"""Changing the rules of `[cloud.upload]` in `config.toml`.

Belongs here: one function per setting, each checked as a whole before anything is written. Does not belong here: what
rules mean (`privacy`), the file itself (`daemon.config`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import tomlkit
from tomlkit.items import InlineTable

from daemon.cloud.link import cloud_table
from daemon.cloud.privacy import PrivacyRuleError, UploadRules, folded_project
from daemon.config import UploadConfig, edited_config
from daemon.credentials import MeterHome


def set_preset(home: MeterHome, preset: str) -> None:
    """Set where the fields' defaults come from: `minimal`, `standard` or `full`.

    Raises:
        UnreadableStateError: there is no such preset, or the file cannot be understood; nothing was written.
    """

    def change(upload: Any) -> None:
        upload["preset"] = preset

    _edit(home, change)


def set_project_upload(home: MeterHome, project: str, *, uploaded: bool) -> None:
    """Set whether rows of `project` leave at all; raises as `set_preset`."""

    def change(upload: Any) -> None:
        _project_table(upload, project)["upload"] = uploaded

    _edit(home, change)


def set_field(home: MeterHome, field: str, *, sent: bool, project: str | None = None) -> None:
    """Set whether a field leaves, of one project or of all without a rule of their own; raises as `set_preset`."""

    def change(upload: Any) -> None:
        table = upload if project is None else _project_table(upload, project)
        _table(table, "fields")[field] = sent

    _edit(home, change)


def _edit(home: MeterHome, change: Callable[[Any], None]) -> None:
    with edited_config(home) as document:
        upload = _table(cloud_table(document), "upload")
        change(upload)
        try:
            rules = msgspec.convert(upload.unwrap(), UploadConfig)
        except msgspec.ValidationError as error:
            raise PrivacyRuleError(f"Nothing was changed: {error}") from error
        UploadRules.from_config(rules)


def _project_table(upload: Any, project: str) -> Any:
    if not project.strip():
        raise PrivacyRuleError("Nothing was changed: the project has no name")
    projects = _table(upload, "per_project")
    same = (slug for slug in projects if folded_project(slug) == folded_project(project))
    return _table(projects, next(same, project))


def _table(parent: Any, name: str) -> Any:
    if name not in parent:
        # Within braces a table must be written in braces too.
        parent[name] = tomlkit.inline_table() if isinstance(parent, InlineTable) else tomlkit.table()
    return parent[name]
