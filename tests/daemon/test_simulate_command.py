"""`halton-meter simulate`, as people and programs run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from daemon.cli.main import main
from daemon.credentials import MeterHome


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MeterHome:
    monkeypatch.delenv("HALTON_METER_CLOUD_URL", raising=False)
    monkeypatch.setenv("HALTON_METER_HOME", str(tmp_path / "meter"))
    return MeterHome(tmp_path / "meter")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def simulate(cloud: Any, *more: str) -> Result:
    until = ("--until", "2026-11-20T18:00:00Z", "--poll-interval-seconds", "0.05", "--json-lines")
    return run("simulate", "--base-url", cloud.url, *until, *more)


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_simulate_pairs_uploads_and_reports_exact_totals(cloud: Any, home: MeterHome) -> None:
    result = simulate(cloud, "--rows", "1200", "--days", "10", "--batch-rows", "100")
    assert result.exit_code == 0
    pairing, paired, *progress, done = events(result.stdout)
    assert pairing == {
        "event": "pairing",
        "pairing_code": "WXJ4-9KMP",
        "pairing_url": "http://127.0.0.1/connect?code=WXJ4-9KMP",
    }
    assert (paired["event"], paired["workspace_name"], paired["already_connected"]) == ("paired", "Acme Co", False)
    assert [event["rows_sent"] for event in progress] == sorted(event["rows_sent"] for event in progress)
    assert progress[0]["rows_sent"] == 0
    assert progress[-1]["rows_sent"] == progress[-1]["rows_total"] == done["rows"]
    sent = {r["id"]: r for seen in cloud.requests("/v1/requests/batch") for r in seen.body["records"]}
    assert done["distinct_rows"] == len(sent) == 1200
    for key in ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens"):
        assert done[key] == sum(record[key] for record in sent.values())
    assert done["cost_millicents"] == sum(record["cost_millicents"] or 0 for record in sent.values())
    assert done["rows"] > 1200


def test_the_documented_events_have_the_documented_keys(cloud: Any, home: MeterHome) -> None:
    readme = (Path(__file__).parents[2] / "daemon" / "simulate" / "README.md").read_text()
    for event in events(simulate(cloud, "--rows", "50", "--days", "2").stdout):
        documented = readme.split(f'{{"event": "{event["event"]}"', 1)[1].split("}", 1)[0]
        keys = [part.strip().strip('"') for part in documented.split(",") if part.strip()]
        assert list(event)[1:] == keys


def test_simulate_again_uses_the_stored_credentials(cloud: Any, home: MeterHome) -> None:
    simulate(cloud, "--rows", "20", "--days", "2")
    [first, *_] = events(simulate(cloud, "--rows", "20", "--days", "2").stdout)
    assert (first["event"], first["already_connected"]) == ("paired", True)
    first_run, second_run = cloud.requests("/v1/requests/batch")
    assert first_run.body["records"] == second_run.body["records"]
    assert first_run.body["batch_id"] != second_run.body["batch_id"]


def test_simulated_devices_share_the_rows_and_name_themselves(cloud: Any, tmp_path: Path) -> None:
    sent = 0
    for index in range(3):
        device = ("--device-index", str(index), "--devices", "3", "--rows", "200", "--days", "5", "--json-lines")
        until = ("--until", "2026-11-20T18:00:00Z", "--gzip")
        result = run("--home", str(tmp_path / f"d{index}"), "simulate", "--base-url", cloud.url, *device, *until)
        sent += events(result.stdout)[-1]["distinct_rows"]
    assert sent == 200
    starts = [seen.body for seen in cloud.requests("/v1/pairing/start")]
    assert len({body["hostname"] for body in starts}) == len({body["fingerprint"] for body in starts}) == 3


def test_without_a_named_home_a_simulation_leaves_the_real_one_alone(
    cloud: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HALTON_METER_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert simulate(cloud, "--rows", "10", "--days", "1").exit_code == 0
    assert not (tmp_path / ".halton-meter" / "cloud-credentials.json").exists()
    assert (tmp_path / ".halton-meter" / "simulated" / "device-0" / "cloud-credentials.json").exists()


def test_simulate_replays_a_trace(cloud: Any, home: MeterHome, tmp_path: Path) -> None:
    trace = tmp_path / "calls.csv"
    lines = [f"2023-11-16 18:17:{n:02d}.5000000,{100 + n},{n}" for n in range(40)]
    trace.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *lines]))
    done = events(simulate(cloud, "--trace", str(trace)).stdout)[-1]
    assert (done["event"], done["distinct_rows"]) == ("done", 40)
    assert events(simulate(cloud, "--trace", str(trace), "--rows", "15").stdout)[-1]["distinct_rows"] == 15


def test_a_malformed_trace_fails_with_its_line(cloud: Any, home: MeterHome, tmp_path: Path) -> None:
    trace = tmp_path / "calls.csv"
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\nnow,1,1\n")
    result = simulate(cloud, "--trace", str(trace))
    assert result.exit_code == 1
    [failed] = events(result.stdout)
    assert failed["event"] == "failed"
    assert "line 2" in failed["error"]
    assert "line 2" in result.stderr
    assert cloud.seen == []


def test_a_refused_upload_fails_plainly(cloud: Any, home: MeterHome, kit: Any) -> None:
    cloud.script("POST", "/v1/requests/batch", kit.answer(422, {"error": {"code": "bad_envelope", "message": "No."}}))
    result = simulate(cloud, "--rows", "10", "--days", "1")
    assert result.exit_code == 1
    assert events(result.stdout)[-1] == {"event": "failed", "error": "No. (422 bad_envelope)"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rows", "0"],
        ["--days", "0"],
        ["--until", "tomorrow"],
        ["--device-index", "3", "--devices", "3"],
        ["--trace", "/no/such/file"],
        ["--batch-rows", "0"],
    ],
)
def test_wrong_options_are_usage_errors(cloud: Any, home: MeterHome, arguments: list[str]) -> None:
    assert simulate(cloud, *arguments).exit_code == 2
    assert cloud.seen == []


def test_simulate_needs_to_know_where(home: MeterHome) -> None:
    result = run("simulate", "--rows", "1", "--days", "1")
    assert result.exit_code == 1
    assert "--base-url" in result.stderr


def test_for_people_progress_goes_to_stderr_and_the_sums_to_stdout(cloud: Any, home: MeterHome) -> None:
    result = run("simulate", "--base-url", cloud.url, "--rows", "30", "--days", "3", "--poll-interval-seconds", "0.05")
    assert json.loads(result.stdout)["distinct_rows"] == 30
    assert "30 of 30 rows sent" in result.stderr


def test_events_of_a_process_arrive_one_flushed_line_at_a_time(cloud: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "daemon.cli.main", "--home", str(tmp_path / "h"), "simulate", "--json-lines"]
    options = ["--base-url", cloud.url, "--rows", "60", "--days", "3", "--batch-rows", "20"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True, timeout=60)
    names = [event["event"] for event in events(done.stdout)]
    assert names[:2] == ["pairing", "paired"]
    assert names[-1] == "done"
    assert done.stderr == ""
