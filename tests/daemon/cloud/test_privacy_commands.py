"""`cloud privacy …`, as people and programs run it."""

from __future__ import annotations

import json

import pytest

from daemon.config import load_config
from tests.daemon.cloud.commands import answer, lines, run
from tests.daemon.cloud.laptop import SECRET, Laptop
from tests.daemon.cloud.ledger_cloud import LedgerCloud


def test_the_documented_command_keeps_a_project_here(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(2, "personal")
    result = run(laptop.home, "privacy", "set", "upload", "false", "--project", "personal")
    assert result.exit_code == 0
    run(laptop.home, "sync")
    assert ledger.landed == {}
    assert "[cloud.upload.per_project.personal]\nupload = false" in laptop.home.config_path.read_text()


def test_rules_are_set_one_by_one_and_shown(laptop: Laptop) -> None:
    run(laptop.home, "privacy", "set", "preset", "minimal")
    run(laptop.home, "privacy", "set", "field", "project", "true", "--project", "acme-api")
    run(laptop.home, "privacy", "set", "field", "prompt_hash", "true")
    run(laptop.home, "privacy", "set", "upload", "false", "--project", "Personal")
    run(laptop.home, "privacy", "set", "field", "model", "true", "--project", "personal")
    shown = answer(laptop.home, "privacy", "show")
    assert shown["preset"] == "minimal"
    assert "prompt_hash" in shown["sent"]
    assert "source_workdir" in shown["withheld"]
    assert "project" not in shown["per_project"]["acme-api"]["withheld"]
    assert list(shown["per_project"]) == ["acme-api", "Personal"]
    assert shown["per_project"]["Personal"]["upload"] is False
    text = run(laptop.home, "privacy", "show").stdout
    assert "● Preset: minimal" in text
    assert "● Project Personal: its rows never leave" in text


def test_tables_written_in_one_line_are_changed_too(laptop: Laptop) -> None:
    text = laptop.home.config_path.read_text()
    laptop.home.config_path.write_text(text + 'upload = { preset = "full" }\n')
    for rule in (("upload", "false", "--project", "personal"), ("field", "prompt_hash", "false", "--project", "a")):
        assert run(laptop.home, "privacy", "set", *rule).exit_code == 0
    upload = load_config(laptop.home).cloud.upload
    assert (upload.preset, upload.per_project["personal"].upload) == ("full", False)
    assert upload.per_project["a"].fields == {"prompt_hash": False}


@pytest.mark.parametrize(
    "arguments",
    [
        ("field", "workdir", "false"),
        ("field", "model", "false"),
        ("field", "tokens_complete", "false", "--project", "acme-api"),
        ("upload", "false", "--project", " "),
    ],
)
def test_a_rule_that_makes_no_sense_changes_nothing(laptop: Laptop, arguments: tuple[str, ...]) -> None:
    before = laptop.home.config_path.read_text()
    assert run(laptop.home, "privacy", "set", *arguments).exit_code == 1
    assert laptop.home.config_path.read_text() == before


@pytest.mark.parametrize(
    "arguments", [("preset", "open"), ("upload", "false"), ("upload", "perhaps", "--project", "a"), ("fields", "a")]
)
def test_wrong_words_are_usage_errors(laptop: Laptop, arguments: tuple[str, ...]) -> None:
    assert run(laptop.home, "privacy", "set", *arguments).exit_code == 2


def test_rules_can_be_set_before_a_machine_is_paired(laptop: Laptop) -> None:
    laptop.home.config_path.unlink()
    assert run(laptop.home, "privacy", "set", "preset", "full").exit_code == 0
    assert load_config(laptop.home).cloud.upload.preset == "full"
    assert not load_config(laptop.home).cloud.enabled


def test_the_preview_is_the_very_json_that_leaves(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(3)
    previewed = [json.loads(line) for line in lines(run(laptop.home, "privacy", "preview")) if line.startswith("{")]
    machine = [row["record"] for row in answer(laptop.home, "privacy", "preview")["rows"]]
    run(laptop.home, "sync")
    assert previewed == machine == list(reversed(ledger.landed.values()))
    assert SECRET not in json.dumps(previewed)


def test_the_preview_marks_what_left_and_what_stays(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(1)
    run(laptop.home, "sync")
    run(laptop.home, "privacy", "set", "upload", "false", "--project", "personal")
    laptop.record(1, "personal")
    laptop.record(1)
    rows = answer(laptop.home, "privacy", "preview")["rows"]
    assert [row["state"] for row in rows] == ["leaves", "withheld", "sent"]
    assert rows[1]["record"] is None
    run(laptop.home, "privacy", "set", "upload", "false", "--project", "acme-api")
    assert [row["state"] for row in answer(laptop.home, "privacy", "preview")["rows"]] == [
        "withheld",
        "withheld",
        "sent_withheld",
    ]
    assert "stays here" in run(laptop.home, "privacy", "preview").stdout


def test_the_preview_asks_nobody(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(1)
    run(laptop.home, "privacy", "preview", "--limit", "1", "--project", "acme-api")
    assert ledger.seen == []
