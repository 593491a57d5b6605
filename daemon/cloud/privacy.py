"""What of a call may leave this machine: presets, single fields, single projects.

Belongs here: the rules of `[cloud.upload]` and their use on records. Does not belong here: reading the file
(`daemon.config`), sending (`sending`).

Everything fails closed: a rule that names no field, a field no cloud can do without, a key of a record that no rule
knows. Whatever is not understood stops the whole upload, or stays here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from daemon.calls.record import EXTRA_KEYS
from daemon.config import UploadConfig
from daemon.credentials import UnreadableStateError
from daemon.wire.record import RECORD_KEYS

_MINIMAL: Final = frozenset(
    {"project", "source_machine", "prompt_hash", "attribution_method", "source_workdir", "provider_request_id"}
)
WITHHELD_BY_PRESET: Final[Mapping[str, frozenset[str]]] = {
    "minimal": _MINIMAL,
    "standard": frozenset({"source_workdir"}),
    "full": frozenset(),
}
"""Fields each preset keeps here."""
FIELDS: Final = (*RECORD_KEYS, *EXTRA_KEYS)
"""All that can leave of a call, in wire order."""
REQUIRED: Final = frozenset(
    {
        *("id", "provider", "model", "status", "requested_at", "recorded_at", "latency_ms", "tokens_complete"),
        *("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens"),
    }
)
"""Fields without which a record is none: to keep them here, keep the project's rows here."""
_SAME_NUMBER: Final = frozenset({"cost_millicents", "cost_usd_minor_units"})
_NO_WORD: Final = re.compile(r"[\W_]+")


class PrivacyRuleError(UnreadableStateError):
    """A rule of `[cloud.upload]` cannot be understood; nothing may leave before it is."""


class _ProjectRules(NamedTuple):
    leaves: bool
    withheld: frozenset[str]


class UploadRules:
    """The rules in force.

    Attributes:
        preset: `minimal`, `standard` or `full`.
        withheld: fields kept here for projects without rules of their own.
        excluded_projects: projects whose rows never leave, as they are written in the file.
    """

    def __init__(self, preset: str, withheld: frozenset[str], projects: Mapping[str, _ProjectRules]) -> None:
        """Use `from_config`; `projects` is by folded slug."""
        self.preset = preset
        self.withheld = withheld
        self.excluded_projects: frozenset[str] = frozenset()
        self._projects = dict(projects)
        self._of_spelling: dict[str, _ProjectRules] = {}

    @classmethod
    def from_config(cls, upload: UploadConfig) -> UploadRules:
        """Return the rules of `[cloud.upload]`.

        Raises:
            PrivacyRuleError: a preset or field that does not exist, or a field that no record can do without.
        """
        preset = WITHHELD_BY_PRESET.get(upload.preset)
        if preset is None:
            raise PrivacyRuleError(f"[cloud.upload] preset is {upload.preset!r}: use minimal, standard or full")
        fields = _checked(upload.fields, "[cloud.upload.fields]")
        withheld = _withheld(preset, fields)
        projects: dict[str, _ProjectRules] = {}
        for slug, rule in upload.per_project.items():
            where = f'[cloud.upload.per_project."{slug}"]'
            if not slug.strip():
                raise PrivacyRuleError(f"{where} names no project")
            own = _checked(rule.fields, where)
            folded = folded_project(slug)
            # Two spellings of one project: what either keeps here stays here.
            known = projects.get(folded, _ProjectRules(leaves=True, withheld=frozenset()))
            projects[folded] = _ProjectRules(
                known.leaves and rule.upload, known.withheld | _withheld(preset, fields | own)
            )
        rules = cls(upload.preset, withheld, projects)
        rules.excluded_projects = frozenset(slug for slug in upload.per_project if not rules.leaves(slug))
        return rules

    def __eq__(self, other: object) -> bool:
        """Return whether the same would leave under both."""
        if not isinstance(other, UploadRules):
            return NotImplemented
        return (self.preset, self.withheld, self._projects) == (other.preset, other.withheld, other._projects)

    __hash__ = None  # pyright: ignore[reportAssignmentType] - compared, never a key

    def leaves(self, project: str) -> bool:
        """Return whether rows of `project` (as the store spells it) may leave at all."""
        return self._rules_of(project).leaves

    def withheld_of(self, project: str) -> frozenset[str]:
        """Return the fields of `project` that stay here."""
        return self._rules_of(project).withheld

    def apply(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return what may leave of a record (`daemon.calls.record.as_record`), whose `project` is the true one.

        A withheld field of the protocol is null; a withheld extra key is left out, as one without a value is.

        Raises:
            PrivacyRuleError: the record's project may not leave, or it has none.
        """
        project = record.get("project")
        if not isinstance(project, str):
            raise PrivacyRuleError("A record without a project cannot be judged")
        rules = self._rules_of(project)
        if not rules.leaves:
            raise PrivacyRuleError(f"Rows of {project!r} stay on this machine")
        allowed = {key: None if key in rules.withheld else record[key] for key in RECORD_KEYS if key in record}
        for key in EXTRA_KEYS:
            if key in record and key not in rules.withheld:
                allowed[key] = record[key]
        return allowed

    def _rules_of(self, project: str) -> _ProjectRules:
        rules = self._of_spelling.get(project)
        if rules is None:
            rules = self._projects.get(folded_project(project)) or _ProjectRules(leaves=True, withheld=self.withheld)
            if len(self._of_spelling) < 10_000:  # noqa: PLR2004 - importers may bring any number of names
                self._of_spelling[project] = rules
        return rules


def folded_project(project: str) -> str:
    """Return what makes two spellings the same project: letters' case, spaces, dashes and dots do not count."""
    text = unicodedata.normalize("NFKC", project).casefold()
    return _NO_WORD.sub("-", text).strip("-") or text.strip()


def _checked(fields: Mapping[str, bool], where: str) -> dict[str, bool]:
    for name, sent in fields.items():
        if name not in FIELDS:
            raise PrivacyRuleError(f"{where} names {name!r}, which is no field of a record")
        if not sent and name in REQUIRED:
            raise PrivacyRuleError(
                f"{where} withholds {name!r}, without which no cloud takes a row: set upload = false for the project"
            )
    return dict(fields)


def _withheld(preset: frozenset[str], fields: Mapping[str, bool]) -> frozenset[str]:
    kept = (preset | {name for name, sent in fields.items() if not sent}) - {n for n, sent in fields.items() if sent}
    # The cost travels under two names: whoever withholds one means the number.
    return kept | _SAME_NUMBER if any(not fields.get(name, True) for name in _SAME_NUMBER) else kept
