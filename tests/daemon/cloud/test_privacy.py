"""What may leave: the presets, the rules, and that nothing else ever does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.calls.record import EXTRA_KEYS, as_record
from daemon.cloud.pages import row_of
from daemon.cloud.privacy import (
    FIELDS,
    REQUIRED,
    WITHHELD_BY_PRESET,
    PrivacyRuleError,
    UploadRules,
    folded_project,
)
from daemon.config import ProjectUpload, UploadConfig
from daemon.wire.record import RECORD_KEYS, Record
from tests.daemon.cloud.laptop import call

FULL = call(
    7,
    service_tier="priority",
    provider_request_id="req_1",
    stop_reason="end_turn",
    usage_source="provider",
    idempotency_key="key-1",
)
optional = st.sampled_from([name for name in FIELDS if name not in REQUIRED])
projects = st.sampled_from(["acme-api", "personal", "side-project"])
choices = st.dictionaries(optional, st.booleans(), max_size=4)
configs = st.builds(
    UploadConfig,
    preset=st.sampled_from(["minimal", "standard", "full"]),
    fields=choices,
    per_project=st.dictionaries(projects, st.builds(ProjectUpload, upload=st.booleans(), fields=choices), max_size=2),
)


def rules(**settings: Any) -> UploadRules:
    return UploadRules.from_config(UploadConfig(**settings))


@pytest.mark.parametrize(
    ("preset", "kept_here"),
    [
        ("minimal", {"project", "source_machine", "prompt_hash", "attribution_method", "source_workdir"}),
        ("standard", {"source_workdir"}),
        ("full", set()),
    ],
)
def test_a_preset_withholds_what_the_protocol_says(preset: str, kept_here: set[str]) -> None:
    record = rules(preset=preset).apply(as_record(FULL))
    assert {name for name in RECORD_KEYS if record[name] is None and as_record(FULL)[name] is not None} == kept_here
    assert record["idempotency_key"] == "key-1"
    assert list(record)[:29] == list(RECORD_KEYS)


def test_a_withheld_field_is_null_and_a_withheld_extra_key_is_left_out() -> None:
    record = rules(fields={"source_machine": False, "service_tier": False}).apply(as_record(FULL))
    assert record["source_machine"] is None
    assert "service_tier" not in record
    assert record["stop_reason"] == "end_turn"


def test_a_projects_own_rules_go_over_the_general_ones() -> None:
    ours = rules(
        preset="minimal",
        fields={"source_machine": True},
        per_project={"acme-api": ProjectUpload(fields={"project": True, "source_machine": False})},
    )
    record = ours.apply(as_record(FULL))
    assert (record["project"], record["source_machine"]) == ("acme-api", None)
    other = ours.apply(as_record(FULL) | {"project": "other"})
    assert (other["project"], other["source_machine"]) == (None, "vk.local")


@pytest.mark.parametrize("name", ["cost_millicents", "cost_usd_minor_units"])
def test_the_cost_stays_here_under_both_its_names(name: str) -> None:
    record = rules(fields={name: False}).apply(as_record(FULL))
    assert record["cost_millicents"] is record["cost_usd_minor_units"] is None


@pytest.mark.parametrize(
    "spelling", ["personal", "Personal", "PERSONAL", " personal ", "personal\t", "perSonal", "\uff50ersonal"]
)
def test_a_withheld_project_is_known_in_every_spelling(spelling: str) -> None:
    ours = rules(per_project={"Personal": ProjectUpload(upload=False)})
    assert not ours.leaves(spelling)
    with pytest.raises(PrivacyRuleError):
        ours.apply(as_record(FULL) | {"project": spelling})
    with pytest.raises(PrivacyRuleError):
        row_of(call(1, spelling), ours)


@pytest.mark.parametrize(("one", "other"), [("Side Project", "side-project"), ("a_b", "a-b"), ("x.y", "x-y")])
def test_separators_do_not_make_another_project(one: str, other: str) -> None:
    assert folded_project(one) == folded_project(other)


@pytest.mark.parametrize(("one", "other"), [("café", "cafe"), ("日本", "中国"), ("a", "ab"), ("!!", "??")])
def test_other_names_are_other_projects(one: str, other: str) -> None:
    assert folded_project(one) != folded_project(other)


def test_two_spellings_of_one_project_keep_here_what_either_does() -> None:
    ours = rules(
        per_project={
            "acme": ProjectUpload(fields={"prompt_hash": False}),
            "ACME": ProjectUpload(fields={"source_machine": False}),
        }
    )
    assert {"prompt_hash", "source_machine"} <= ours.withheld_of("Acme")


@pytest.mark.parametrize(
    "settings",
    [
        {"preset": "open"},
        {"fields": {"workdir": False}},
        {"fields": {"workdir": True}},
        {"fields": {"Project": False}},
        {"fields": {"model": False}},
        {"per_project": {"a": ProjectUpload(fields={"nothing": False})}},
        {"per_project": {"a": ProjectUpload(fields={"id": False})}},
        {"per_project": {"": ProjectUpload(upload=False)}},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(PrivacyRuleError):
        rules(**settings)


def test_a_key_that_no_rule_knows_stays_here() -> None:
    record = rules(preset="full").apply(as_record(FULL) | {"prompt_text": "secret"})
    assert "prompt_text" not in record


@pytest.mark.parametrize("project", [None, 7])
def test_a_record_without_a_project_cannot_be_judged(project: object) -> None:
    with pytest.raises(PrivacyRuleError):
        rules().apply(as_record(FULL) | {"project": project})


@given(config=configs, project=projects)
def test_whatever_the_rules_nothing_withheld_is_in_the_bytes(config: UploadConfig, project: str) -> None:
    ours = UploadRules.from_config(config)
    marked = call(
        3,
        project,
        source_workdir="SECRET-workdir",
        source_machine="SECRET-machine",
        prompt_hash="SECRET-hash",
        attribution_method="SECRET-method",
        idempotency_key="SECRET-key",
        provider_request_id="SECRET-request",
        service_tier="SECRET-tier",
        stop_reason="SECRET-stop",
        cost_millicents=987_654_321,
    )
    own = config.per_project.get(project, ProjectUpload())
    if not own.upload:
        assert not ours.leaves(project)
        return
    chosen = config.fields | own.fields
    sent = row_of(marked, ours).record
    record = msgspec.json.decode(sent)
    msgspec.json.decode(sent, type=Record)  # still a record of the protocol
    for name, value in as_record(marked).items():
        wanted = chosen.get(name, name not in WITHHELD_BY_PRESET[config.preset])
        if not wanted:
            assert record.get(name) is None
            if isinstance(value, str) and value.startswith("SECRET"):
                assert value.encode() not in sent
        elif not name.startswith("cost"):
            assert record[name] == value
    if chosen.get("cost_millicents") is False or chosen.get("cost_usd_minor_units") is False:
        assert b"987654321" not in sent
    assert set(record) <= {*RECORD_KEYS, *EXTRA_KEYS}
