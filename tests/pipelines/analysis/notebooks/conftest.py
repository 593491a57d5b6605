"""A small home with marts and an analysis, made once, and notebooks run on it in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.api_keys import create_api_key
from api.app import create_app
from api.audit import OPERATOR
from api.db.session import transaction
from api.rate_overrides import NegotiatedRate, set_rate_override
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, HOME_VARIABLE, Home
from pipelines.lake.rate_book import SINCE_EVER
from pipelines.negotiated_rates import read_negotiated_rates
from pipelines.rates.export import write_rate_book
from tests.pipelines.analysis.asking import Analysed
from tests.pipelines.analysis.frugal import FRUGAL_KEY
from tests.pipelines.analysis.golden import KEY
from tests.pipelines.analysis.notebooks.running import run_notebook
from tests.pipelines.lake_builder import NOON, named_id

KEYS = {"golden": KEY, "frugal": FRUGAL_KEY}
"""API keys by workspace; `acme` gets one with the home."""
Ask = Callable[..., Any]
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def analysed_home(analysed: Analysed, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A copy of the analysed home, in which `acme` has an API key, too, and prices of its own for Claude Haiku 4.5.

    They know no price of cache reads, and begin anew above 1,400 tokens of input.
    """
    home = Home(tmp_path_factory.mktemp("notebooks") / "home")
    shutil.copytree(analysed.root, home.root)
    engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
    with transaction(engine) as session:
        acme = named_id("workspace acme")
        KEYS["acme"] = create_api_key(session, acme, name="notebook", actor=OPERATOR, at=NOON)
        for over, dollars in ((0, 1), (1_400, 2)):
            rate = NegotiatedRate(
                provider="anthropic", model_ref="claude-haiku-4-5", valid_from=SINCE_EVER, context_over_tokens=over,
                prices={"uncached_input": dollars * 1_000_000, "output": dollars * 4_000_000},
            )  # fmt: skip
            set_rate_override(session, acme, rate, actor=OPERATOR, at=NOON)
    with engine.connect() as connection:
        negotiated = read_negotiated_rates(connection)
    write_rate_book(home.exports / "rate_book.parquet", now=NOON, negotiated=negotiated)
    engine.dispose()
    return home


@pytest.fixture(scope="session")
def server(analysed_home: Home) -> Iterator[TestClient]:
    """The server over the home, at noon of its last day."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        engine = open_database(analysed_home.database_url)
        app = create_app(analysed_home, engine=engine, clock=FixedClock(NOON), sends_mail=False)
        with TestClient(app) as client:
            yield client
        engine.dispose()


@pytest.fixture
def ask(server: TestClient) -> Ask:
    """Calls the JSON with a workspace's key."""

    def call(path: str, workspace: str = "golden", message: Any = None, **query: Any) -> Any:
        answer = server.request(
            "GET" if message is None else "POST",
            f"/v1/{workspace}/{path}",
            params=query,
            json=message,
            headers={"Authorization": f"Bearer {KEYS[workspace]}"},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def run(analysed_home: Home, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a notebook on a workspace of the home and returns what its cells define."""
    monkeypatch.setenv(HOME_VARIABLE, str(analysed_home.root))

    def of(notebook: str, workspace: str = "golden", **given: Any) -> dict[str, Any]:
        monkeypatch.setenv("HALTON_WORKSPACE", workspace)
        return run_notebook(notebook, given)

    return of
