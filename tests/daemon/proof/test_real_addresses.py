"""The SDKs at the providers' real names, on a machine that needs its company's proxy; the meter is put in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_connection

import pytest

from daemon.credentials import MeterHome
from tests.daemon.attribution.repositories import repository
from tests.daemon.proof.developer import at_work
from tests.daemon.proof.expected_rows import CALLS, listed_millicents
from tests.daemon.proof.fake_providers import NAMES, FakeProviders, fake_providers
from tests.daemon.proxy.wire import PATIENCE_SECONDS, Stream, Upstream
from tests.daemon.service.laptop import ROOT, Laptop

FREE_PORTS = "[capture]\nport = 0\n[api]\nport = 0\n"


@dataclass
class Company:
    """Its proxy, behind which the providers' real names lead to the fake ones."""

    providers: FakeProviders
    asked: list[str] = field(default_factory=list)

    def serve(self, stream: Stream) -> None:
        target = stream.until(b"\r\n\r\n").decode().split(" ")[1]
        self.asked.append(target)
        [provider] = [provider for provider, name in NAMES.items() if target == f"{name}:443"]
        stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
        with create_connection(self.providers.each[provider].place, PATIENCE_SECONDS) as there:
            stream.piped(there)


@pytest.fixture(scope="module")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeProviders]:
    with fake_providers(tmp_path_factory.mktemp("authority"), dict.fromkeys(NAMES, "127.0.0.1")) as providers:
        yield providers


def test_the_sdks_at_their_own_addresses_are_metered_and_unaltered_under_run(
    tmp_path: Path, capture_python: Path, providers: FakeProviders
) -> None:
    company = Company(providers)
    home = MeterHome(tmp_path / "home")
    home.write(home.config_path, FREE_PORTS.encode())
    folder = repository(tmp_path / "cloned", "https://git.example/acme/other.git")
    with Upstream(company.serve) as proxy:
        theirs = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}", "SSL_CERT_FILE": str(providers.authority)}
        direct = at_work([], providers, None, folder=folder, **theirs)
        laptop = Laptop(home, capture_python, theirs)
        laptop.says("start")
        try:
            command = laptop.command("--home", str(home.root), "run", "--project", "acme-api", "--")
            metered = at_work(command, providers, laptop, folder=folder, **theirs, PYTHONPATH=str(ROOT))
        finally:
            laptop.stop()
    assert set(company.asked) == {f"{name}:443" for name in NAMES.values()}
    assert metered.answers == direct.answers
    for provider, requests in direct.received.items():
        sent = [request.raw.replace(b"x-halton-project: Of The Header\r\n", b"") for request in requests]
        assert [request.raw for request in metered.received[provider]] == sent
        assert {request.header("host") for request in requests} == {NAMES[provider]}
    assert len(metered.calls) == CALLS
    assert {(call.project, call.attribution_method, call.source) for call in metered.calls} == {
        ("acme-api", "env", "proxy")
    }
    assert {call.source_workdir for call in metered.calls} == {str(folder)}
    assert [call.cost_millicents for call in metered.calls] == [listed_millicents(call) for call in metered.calls]
