"""The client: every GET route of a workspace, its pages one after the other, and its files.

Belongs here: `Client`. Does not belong here: single routes (`spend_routes`, `workspace_routes`), calling (`transport`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from api.client.answers.bills import BillShown
from api.client.answers.dashboards import AnomalyShown
from api.client.answers.dashboards_2 import ClusterShown
from api.client.answers.dashboards_3 import FindingShown
from api.client.answers.dashboards_4 import RequestShown
from api.client.calling import Calling, Rail, quoted, sent
from api.client.spend_routes import SpendRoutes
from api.client.transport import Transport, Value
from api.client.workspace_routes import WorkspaceRoutes

_Page = TypeVar("_Page")


class Client(SpendRoutes, WorkspaceRoutes, Calling):
    """Reads one workspace. A context manager; safe to share between threads.

    Every method is one GET and returns what it answers, as a typed dictionary. Amounts are exact decimal text: make
    them `decimal.Decimal`, never float. What the server refuses is an `ApiError` with its code and words.
    """

    def __init__(
        self,
        base_url: str,
        workspace: str,
        *,
        api_key: str,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Nothing is sent before the first call.

        Args:
            base_url: of the server, `https://meter.example`.
            workspace: its slug.
            api_key: of the workspace, `hm_api_…`.
            timeout: seconds for connecting, and between two bytes of an answer.
            transport: another way to the server, for tests.
        """
        super().__init__(Transport(base_url, api_key, timeout=timeout, transport=transport), workspace)
        self.workspace = workspace

    def all_requests(
        self, *, search: str | None = None, limit: int = 500, **rail: Unpack[Rail]
    ) -> Iterator[RequestShown]:
        """Yield every request of a period and filter, newest first, a page of `limit` at a time."""
        for page in _pages(lambda cursor: self.requests(search=search, limit=limit, cursor=cursor, **rail)):
            yield from page["requests"]

    def all_clusters(
        self, *, kind: str | None = None, limit: int = 100, **rail: Unpack[Rail]
    ) -> Iterator[ClusterShown]:
        """Yield every cluster."""
        for page in _pages(lambda cursor: self.clusters(kind=kind, limit=limit, cursor=cursor, **rail)):
            yield from page["clusters"]

    def all_anomalies(self, *, limit: int = 100, **rail: Unpack[Rail]) -> Iterator[AnomalyShown]:
        """Yield every hour that cost far more than usual, newest first."""
        for page in _pages(lambda cursor: self.anomalies(limit=limit, cursor=cursor, **rail)):
            yield from page["anomalies"]

    def all_recommendations(self, *, limit: int = 100, **rail: Unpack[Rail]) -> Iterator[FindingShown]:
        """Yield every recommendation, the largest saving first."""
        for page in _pages(lambda cursor: self.recommendations(limit=limit, cursor=cursor, **rail)):
            yield from page["findings"]

    def all_bills(self, *, provider: str | None = None, history: bool = False) -> Iterator[BillShown]:
        """Yield every bill, superseded ones with `history`."""
        for page in _pages(lambda cursor: self.bills(provider=provider, history=history, cursor=cursor)):
            yield from page["bills"]

    def all_audit_entries(self, *, family: str | None = None, search: str | None = None) -> Iterator[Any]:
        """Yield every entry of the audit log, newest first."""
        for page in _pages(lambda cursor: self.audit(family=family, search=search, cursor=cursor)):
            yield from page["entries"]

    def all_focus_rows(self, *, month: str | None = None) -> Iterator[dict[str, str | None]]:
        """Yield every FOCUS row of a billing period; `analysis_changed` asks to begin again."""
        for page in _pages(lambda cursor: self.focus(month=month, limit=1000, cursor=cursor)):
            yield from page["rows"]

    def save_requests_csv(self, path: str | Path, *, search: str | None = None, **rail: Unpack[Rail]) -> int:
        """Write the CSV of all matching requests to a file; return its bytes."""
        return self._save("requests.csv", path, {"search": search, **sent(rail)})

    def save_focus_csv(self, path: str | Path, *, month: str | None = None) -> int:
        """Write a billing period in FOCUS 1.2 to a file; return its bytes."""
        return self._save("focus.csv", path, {"month": month})

    def save_audit_csv(self, path: str | Path, *, family: str | None = None, search: str | None = None) -> int:
        """Write the audit log to a file; return its bytes."""
        return self._save("audit.csv", path, {"family": family, "search": search})

    def save_workspace_export(self, export_id: str, path: str | Path) -> int:
        """Write the ZIP of an export of everything to a file; return its bytes."""
        return self._save(f"exports/{quoted(export_id)}/file", path, {})

    def save_report(self, report_id: str, path: str | Path) -> int:
        """Write an issued report's PDF to a file; return its bytes."""
        return self._save(f"reports/{quoted(report_id)}/file", path, {})

    def save_report_figures(self, report_id: str, path: str | Path) -> int:
        """Write the figures a report was made of, as they were signed, to a file; return its bytes."""
        return self._save(f"reports/{quoted(report_id)}/figures", path, {})

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _save(self, name: str, path: str | Path, parameters: dict[str, Value]) -> int:
        written = 0
        with self._transport.stream(self._base + name, parameters) as chunks, Path(path).open("wb") as file:
            for chunk in chunks:
                written += file.write(chunk)
        return written


def _pages(ask: Callable[[str | None], _Page]) -> Iterator[_Page]:
    """Yield pages until one has no cursor of a next one."""
    cursor: str | None = None
    while True:
        page: Any = ask(cursor)
        yield page
        cursor = page["next_cursor"]
        if cursor is None:
            return
