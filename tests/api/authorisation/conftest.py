"""The server with the cast, and calls of any route by anybody."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import Engine, event

from api.app import create_app
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from tests.api.authorisation.cast import Cast, Who, generous
from tests.api.authorisation.table import Rule
from tests.api.conftest import BASE_URL
from tests.conftest import NOON

_SCIM_CODES: Final = {
    "No such workspace.": "workspace_not_found",
    "You were removed from this workspace.": "membership_removed",
    "Your role in this workspace does not allow this.": "not_allowed",
    "API keys only read dashboards, the audit log, devices and bills; this takes a signed-in member.": "not_allowed",
    "Sign in, or send a valid API key as Authorization: Bearer hm_api_...": "sign_in_required",
    "Send a valid API key as Authorization: Bearer hm_api_...": "api_key_unknown",
}
_SHOWN_CODE: Final = re.compile(r"Code: ([a-z_]+)")
_SAME_EVERYWHERE: Final = frozenset({"date", "set-cookie"})


class Client:
    """Calls the running app over and over from one event loop: Starlette's own client takes three times as long."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._live(),))
        self._thread.start()
        self._ready.wait()

    async def _live(self) -> None:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        calls = httpx.AsyncClient(transport=transport, base_url=BASE_URL)
        async with self.app.router.lifespan_context(self.app), calls as self._client:
            self._ready.set()
            await self._ending.wait()

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Call once; redirects are not followed, and no cookie is kept."""
        self._client.cookies.clear()
        return asyncio.run_coroutine_threadsafe(self._client.request(method, url, **options), self._loop).result(60)

    def close(self) -> None:
        """End the app."""
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()
        self._loop.close()


class Connections:
    """Counts the database connections that are held at once."""

    def __init__(self, engine: Engine) -> None:
        self.held = self.most = 0
        self._lock = threading.Lock()
        event.listen(engine, "checkout", lambda *_: self._count(+1))
        event.listen(engine, "checkin", lambda *_: self._count(-1))

    def _count(self, change: int) -> None:
        with self._lock:
            self.held += change
            self.most = max(self.most, self.held)


@dataclass
class Matrix:
    """Calls routes, one call at a time.

    Attributes:
        connections: how many of the pool the newest call held at once.
    """

    cast: Cast
    client: Client
    connections: Connections

    def call(
        self, route: str, rule: Rule, who: Who, names: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Any:
        """Call a route as somebody, with names put into its path and body."""
        method, _, path = route.partition(" ")
        url = path.replace("{slug:path}", "{slug}").format(**names)
        fields = {name: _filled(value, names) for name, value in rule.body.items()}
        sent = self.cast.headers(who, url, method) if headers is None else dict(headers)
        body = self.cast.body(who, url, method, fields)
        self.connections.most = 0
        return self.client.request(method, url, headers=sent, **body)

    def routes(self) -> list[str]:
        """Return every route there is, as the table writes them."""
        found = iter_route_contexts(self.client.app.routes)
        return [f"{method} {one.path}" for one in found for method in sorted(one.methods or ()) if method != "HEAD"]


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    return value.format(**names) if isinstance(value, str) else value


def code_of(answer: Any) -> str:
    """Return the code an answer refuses with; empty when it does not."""
    location = answer.headers.get("location", "")
    if answer.status_code == 303 and location.startswith("/signin?next="):
        return "sign_in_required"
    if answer.status_code < 400:
        return ""
    if answer.headers["content-type"].startswith("text/html"):
        found = _SHOWN_CODE.search(answer.text)
        return found[1] if found else "a page without a code"
    body = json.loads(answer.content)
    if "detail" in body:
        return _SCIM_CODES.get(body["detail"]) or str(body.get("scimType", "scim"))
    return str(body["error"]["code"])


def look_of(answer: Any, names: Mapping[str, str]) -> tuple[int, str, dict[str, str]]:
    """Return everything one can see of an answer, what was sent in its path put aside."""
    text = answer.text
    headers = {name: value for name, value in answer.headers.items() if name not in _SAME_EVERYWHERE}
    for name, value in sorted(names.items(), key=lambda item: -len(item[1])):
        text = text.replace(value, f"<{name}>")
        headers = {key: shown.replace(value, f"<{name}>") for key, shown in headers.items()}
    headers.pop("content-length", None)
    return answer.status_code, text, headers


@pytest.fixture(scope="session")
def matrix(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Iterator[Matrix]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        home = Home(tmp_path_factory.mktemp("authorisation"))
        shutil.copy(upgraded_sqlite, home.root / "app.sqlite")
        engine, clock = open_database(home.database_url), FixedClock(NOON)
        cast = Cast(engine, clock)
        cast.set_up()
        app = create_app(home, engine=engine, clock=clock, rate_limits=generous(clock), sends_mail=False)
        client = Client(app)
        yield Matrix(cast, client, Connections(engine))
        client.close()
        engine.dispose()


@pytest.fixture(autouse=True)
def as_set_up(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave the cast as it was, also where a test failed half-way."""
    yield
    if "matrix" in request.fixturenames:
        matrix: Matrix = request.getfixturevalue("matrix")
        if not matrix.cast.same_as_stored():
            matrix.cast.restore()
