"""The official SDKs, as they are, through gateway and proxy: nothing altered, all on record, to the millicent."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from tests.daemon.attribution.repositories import repository
from tests.daemon.proof.developer import Run, after_eval, at_work
from tests.daemon.proof.expected_rows import CALLS, ROWS, expected_facts, facts, listed_millicents
from tests.daemon.proof.fake_providers import FakeProviders
from tests.daemon.proof.sdk_calls import KEYS, PROMPT
from tests.daemon.service.laptop import Laptop

WAYS = ["gateway", "proxy"]
BY_HEADER = ("of-the-header", "header")
_HEADER = re.compile(rb"x-halton-project: [^\r]*\r\n", re.IGNORECASE)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository, with a folder in it that names a project of its own."""
    folder = repository(tmp_path_factory.mktemp("work") / "cloned", "git@git.example:acme/Payments_API.git")
    (folder / "tools").mkdir()
    (folder / "tools" / ".haltonrc").write_text('project = "build-tools"\n')
    return folder


@pytest.fixture(scope="module")
def direct(providers: FakeProviders, checkout: Path) -> Run:
    """Nothing in between."""
    trusting = {"SSL_CERT_FILE": str(providers.authority)}
    return at_work([], providers, None, folder=checkout, **providers.addressed, **trusting)


@pytest.fixture(scope="module")
def gateway(laptop: Laptop, providers: FakeProviders, checkout: Path) -> Run:
    """Base URLs from `halton-meter env --gateway`; no trust in anything."""
    return at_work(after_eval(laptop, "--gateway"), providers, laptop, folder=checkout)


@pytest.fixture(scope="module")
def proxy(laptop: Laptop, providers: FakeProviders, checkout: Path) -> Run:
    """The providers' addresses; way and trust from `halton-meter env`."""
    return at_work(after_eval(laptop), providers, laptop, folder=checkout / "tools", **providers.addressed)


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("run", WAYS, indirect=True)
def test_providers_receive_the_very_bytes_that_a_program_sends_without_a_daemon(run: Run, direct: Run) -> None:
    assert sum(map(len, direct.received.values())) == CALLS
    for provider, requests in direct.received.items():
        # The header that names a project is meant for the daemon, which takes it out.
        assert [got.raw for got in run.received[provider]] == [_HEADER.sub(b"", sent.raw) for sent in requests]


@pytest.mark.parametrize("run", WAYS, indirect=True)
def test_programs_get_the_very_answers_they_get_without_a_daemon(run: Run, direct: Run) -> None:
    assert run.answers == direct.answers
    assert "The loop stops" in str(run.answers["anthropic"])


@pytest.mark.parametrize("run", WAYS, indirect=True)
def test_every_attempt_is_one_row_with_all_that_the_provider_said(run: Run, request: pytest.FixtureRequest) -> None:
    assert len(run.calls) == sum(map(len, run.received.values())) == CALLS
    assert {call.source for call in run.calls} == {request.node.callspec.params["run"]}
    for provider, rows in ROWS.items():
        calls = [call for call in run.calls if call.provider == provider]
        for row, call, received in itertools.zip_longest(rows, calls, run.received[provider]):
            known = expected_facts(row, received)
            assert facts(call, known) == known, row.sample


@pytest.mark.parametrize("run", WAYS, indirect=True)
def test_every_call_costs_what_the_warehouse_says(run: Run) -> None:
    assert [call.cost_millicents for call in run.calls] == [listed_millicents(call) for call in run.calls]
    # The message: 2,095 plain, 18,210 read, 300 and 1,000 written, 503 out, at 1, 0.10, 1.25, 2 and 5 USD per million.
    message = next(call for call in run.calls if call.provider == "anthropic")
    assert message.cost_millicents == round((2095 + 1821 + 375 + 2000 + 2515) / 10)


def test_calls_belong_to_the_repository_that_the_program_works_in(gateway: Run, checkout: Path) -> None:
    found = [(call.project, call.attribution_method, call.source_workdir) for call in gateway.calls]
    by_header = (*BY_HEADER, str(checkout))
    assert [each for each in found if each != by_header] == [("payments-api", "git", str(checkout))] * (CALLS - 1)


def test_a_folder_can_name_its_project_and_a_call_its_own(proxy: Run) -> None:
    [embedding] = [call for call in proxy.calls if call.provider == "openai" and call.request_kind == "embedding"]
    assert (embedding.project, embedding.attribution_method) == BY_HEADER
    others = {(call.project, call.attribution_method) for call in proxy.calls if call is not embedding}
    assert others == {("build-tools", "rcfile")}


def test_times_are_those_of_the_calls(gateway: Run, proxy: Run) -> None:
    for call in [*gateway.calls, *proxy.calls]:
        assert 0 < call.latency_ms < 60_000
        assert call.requested_at_us <= call.recorded_at_us <= call.requested_at_us + 60_000_000
        if call.status == "success" and call.streamed:
            assert call.time_to_first_token_ms is not None
            assert call.time_to_first_token_ms <= call.latency_ms + 0.5  # whole milliseconds, rounded


def test_the_report_adds_up_to_the_rows(laptop: Laptop, gateway: Run, proxy: Run) -> None:
    summary = laptop.json("report")["summary"]
    rows = [*gateway.calls, *proxy.calls]
    assert summary["requests"] == len(rows)
    assert summary["cost_millicents"] == sum(call.cost_millicents or 0 for call in rows)


def test_no_key_and_no_text_is_in_any_file_of_the_home(laptop: Laptop, gateway: Run, proxy: Run) -> None:
    words = [PROMPT, "hello to the caf", "The loop stops", "It stops", "Count the steps", *KEYS.values(), "Bearer"]
    files = [path for path in laptop.home.root.rglob("*") if path.is_file()]
    assert {"db.sqlite", "db.sqlite-wal", "daemon.log", "running.json"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        for word in words:
            assert word.encode() not in content, (path.name, word)
            assert word.encode("utf-16-le") not in content, (path.name, word)
