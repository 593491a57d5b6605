"""From a call to an answer's bytes.

Belongs here: opening a view on the current snapshot, the cache and its keys, entity tags, and the query string's
parameters. Does not belong here: what views show.

An answer is kept per build, workspace, filter and period, and whatever else it depends on; the entity tag is a digest
of its bytes, so that equal bytes have equal tags.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Hashable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from threading import Lock
from typing import Final

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.responses import StreamingResponse

from api.access.callers import Caller
from api.dashboards.cache import AnswerCache, CachedAnswer
from api.dashboards.control import projects_of_centres, standing
from api.dashboards.filters import Filters
from api.dashboards.models.answer import BuildStamp
from api.dashboards.periods import resolve
from api.dashboards.queries.dimensions import workspace_facts
from api.dashboards.queries.held import Held
from api.dashboards.queries.marts import Marts
from api.dashboards.recent_answers import RecentAnswers
from api.dashboards.view import View
from pipelines.lake.catalog import Snapshot

HEADERS: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
NOT_MODIFIED: Final = 304
_STATE: Final = "dashboard_serving"
_creation = Lock()


class Serving:
    """What one process keeps between calls.

    Attributes:
        cache: bytes of answers.
        held: roll-ups, facts and names of builds.
    """

    def __init__(self) -> None:
        self.cache = AnswerCache()
        self.held = Held()


@dataclass(frozen=True)
class Call:
    """One call of a dashboard route.

    Attributes:
        request: the HTTP request.
        reader: the workspace its key reads.
        filters: its filter rail.
    """

    request: Request
    reader: Caller
    filters: Filters

    def on_project(self, slug: str) -> Call:
        """Return the same call with its filter on one project."""
        return replace(self, filters=self.filters.only_project(slug))


def answer(
    call: Call,
    route: Hashable,
    build: Callable[[View], BuildStamp],
    depends_on: Callable[[View], Hashable] | None = None,
) -> Response:
    """Return an answer from the cache, or build it.

    Args:
        call: who asks for what.
        route: tells this route and its own parameters from others.
        build: makes the answer.
        depends_on: what the answer holds that can change without build, audited change or passing day.
    """
    recent: RecentAnswers = call.request.app.state.recent_answers
    mark = recent.mark()
    with viewing(call) as view:
        cached = kept(call, view, (route, depends_on(view) if depends_on else None), lambda: build(view))
    recent.note(call.request.scope, mark, cached.content, {**HEADERS, "ETag": cached.etag})
    return sent(call, cached)


def kept(call: Call, view: View, depends_on: Hashable, build: Callable[[], BuildStamp]) -> CachedAnswer:
    """Return an answer's bytes from the cache, or build it.

    Args:
        call: who asks for what.
        view: what it is built from.
        depends_on: tells it from other answers of the same view.
        build: makes it.
    """
    key = (_key(view), depends_on)
    return _serving(call.request.app).cache.get(key, lambda: msgspec.json.encode(build()))


def sent(call: Call, cached: CachedAnswer) -> Response:
    """Return an answer as the caller gets it: nothing new when it has it already."""
    headers = {**HEADERS, "ETag": cached.etag}
    if _is_current(call.request, cached.etag):
        return Response(status_code=NOT_MODIFIED, headers=headers)
    return Response(cached.content, headers=headers, media_type="application/json")


def streamed(
    call: Call, route: Hashable, chunks: Callable[[View], Iterable[bytes]], *, media_type: str, file_name: str
) -> Response:
    """Return an answer that is streamed and not kept; its entity tag is a digest of all it depends on."""
    lease = viewing(call)
    view = lease.__enter__()
    try:
        tag = hashlib.sha256(repr((_key(view), route)).encode("utf-8", errors="replace")).hexdigest()[:32]
        etag = f'"{tag}"'
        headers = {**HEADERS, "ETag": etag, "Content-Disposition": f'attachment; filename="{file_name}"'}
        if _is_current(call.request, etag):
            lease.__exit__(None, None, None)
            return Response(status_code=NOT_MODIFIED, headers=headers)
        parts = iter(chunks(view))
        first = next(parts, b"")
    except BaseException:
        lease.__exit__(None, None, None)
        raise

    def body() -> Generator[bytes]:
        # The lease on the snapshot lasts as long as the stream, whatever is published meanwhile.
        try:
            yield first
            yield from parts
        finally:
            lease.__exit__(None, None, None)

    return StreamingResponse(body(), headers=headers, media_type=media_type)


@contextmanager
def viewing(call: Call) -> Generator[View]:
    """Give a view on the current snapshot, held until the block ends; pages show several builders' answers of one."""
    state = call.request.app.state
    snapshot: Snapshot | None = state.snapshots.current()
    try:
        marts = Marts(snapshot, _serving(call.request.app).held)
        now = state.clock.now().astimezone(UTC)
        # The zone the snapshot's days were cut in; the workspace's present one before it is in a build.
        zone = workspace_facts(marts, call.reader.workspace_id).time_zone or call.reader.time_zone
        filters = call.filters
        if filters.cost_centers:
            centres = projects_of_centres(state.engine, call.reader.workspace_id, filters.cost_centers)
            filters = filters.resolved(centres)
        yield View(
            reader=call.reader,
            engine=state.engine,
            marts=marts,
            time_zone=zone,
            now=now,
            filters=filters,
            period=resolve(filters.range, filters.first_day, filters.last_day, now, zone),
            standing=standing(state.engine, call.reader.workspace_id, snapshot.max_file_seq if snapshot else 0, now),
        )
    finally:
        if snapshot is not None:
            snapshot.close()


def _serving(app: FastAPI) -> Serving:
    with _creation:
        found: Serving | None = getattr(app.state, _STATE, None)
        if found is None:
            found = Serving()
            setattr(app.state, _STATE, found)
        return found


def _key(view: View) -> Hashable:
    return (
        view.build_id,
        view.workspace_id,
        view.reader.slug,
        view.time_zone,
        view.standing,
        view.filters,
        view.period,
    )


def _is_current(request: Request, etag: str) -> bool:
    given = request.headers.get("if-none-match", "")
    tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    return etag in tags or "*" in tags
