from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.calls.call import Call
from daemon.cli.main import main
from daemon.clock import SystemClock
from daemon.store.store import Store

FIRST = "aaaa7c1e-0000-4000-8000-000000000001"
SECOND = "aaab7c1e-0000-4000-8000-000000000002"
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with Store(tmp_path / "db.sqlite", SystemClock()) as store:
        for call_id, project, model in ((FIRST, "acme-api", HOSTILE), (SECOND, "other", "gpt-5")):
            store.add(
                [
                    Call(
                        id=call_id,
                        requested_at_us=1_763_892_000_000_000,
                        recorded_at_us=1_763_892_000_000_000,
                        provider="openai",
                        model=model,
                        surface="responses",
                        source="proxy",
                        project=project,
                    )
                ]
            )
        text = json.dumps({"text": f"hello\n{HOSTILE}"}, ensure_ascii=False)
        store.keep_body(FIRST, "request", "application/json", text, 2048, ["api key: 2", "cut"])
        store.keep_body(FIRST, "response", "text/plain", f"one\ntwo {HOSTILE}\rthree", 30, [])
        store.keep_body(SECOND, "request", "application/json", "{}", 2, [])
    return tmp_path


def _run(home: Path, *arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), "bodies", *arguments], input=answer)


def _is_harmless(text: str) -> bool:
    return not any(bad in text for bad in "\x1b\x07\u202e\r")


def test_what_is_kept_is_listed(home: Path) -> None:
    listed = _run(home, "list")
    assert listed.exit_code == 0
    assert _is_harmless(listed.output)
    assert listed.output.count("aaaa7c1e") == 2
    assert "2,048     api key: 2, cut" in listed.output
    only = json.loads(_run(home, "list", "--project", "OTHER", "--json").output)["bodies"]
    assert [(one["call_id"], one["direction"], one["project"]) for one in only] == [(SECOND, "request", "other")]
    assert only[0]["requested_at"] == "2025-11-23T10:00:00Z"
    assert "text" not in only[0]
    assert len(json.loads(_run(home, "list", "--limit", "1", "--json").output)["bodies"]) == 1


def test_what_is_shown_cannot_steer_the_terminal(home: Path) -> None:
    shown = _run(home, "show", "AAAA")
    assert shown.exit_code == 0
    assert _is_harmless(shown.output)
    assert "taken out: api key: 2, cut" in shown.output
    assert "\none\ntwo " in shown.output
    exact = json.loads(_run(home, "show", FIRST, "--only", "response", "--json").output)["bodies"]
    assert [one["text"] for one in exact] == [f"one\ntwo {HOSTILE}\rthree"]


@pytest.mark.parametrize(
    ("call_id", "said"),
    [
        ("aaa", "2 calls begin with aaa"),
        ("ffff", "Nothing is kept of call ffff"),
        ("", "Nothing is kept"),
        ("%", "Nothing is kept of call %"),
    ],
)
def test_an_id_that_names_no_single_call_is_a_plain_failure(home: Path, call_id: str, said: str) -> None:
    failed = _run(home, "show", call_id)
    assert failed.exit_code == 1
    assert said in failed.output


def test_forgetting_asks_first_and_leaves_the_calls(home: Path) -> None:
    assert _run(home, "forget", answer="n\n").exit_code == 1
    assert _run(home, "forget", "--json").exit_code == 2
    assert len(json.loads(_run(home, "list", "--json").output)["bodies"]) == 3
    assert json.loads(_run(home, "forget", "--project", "Other", "--yes", "--json").output) == {"removed": 1}
    done = _run(home, "forget", answer="y\n")
    assert "● Removed 2 bodies of all projects." in done.output
    assert json.loads(_run(home, "list", "--json").output) == {"bodies": []}
    with Store(home / "db.sqlite", SystemClock()) as store:
        assert store.get(FIRST) is not None


def test_a_machine_without_calls_is_told_how_bodies_are_kept(tmp_path: Path) -> None:
    listed = _run(tmp_path, "list")
    assert listed.exit_code == 0
    assert f'projects = ["slug"] under [bodies] in {tmp_path}/config.toml' in listed.output
    assert json.loads(_run(tmp_path, "forget", "--yes", "--json").output) == {"removed": 0}
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite").write_bytes(b"no database at all, but long enough to be one" * 100)
    failed = _run(tmp_path, "list")
    assert failed.exit_code == 1
    assert failed.output.startswith("Error: ")
    assert failed.output.count("\n") == 1
