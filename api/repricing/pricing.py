"""What a repricing run finds: a month's requests by provider and cause, as they were said to cost and cost now.

Belongs here: comparing with the run before, or with what was known at an instant. Does not belong here: pricing
(`api.dashboards.rates.restatements`), writing it down (`ledger`).

Every request of the month is in one entry, those that did not change in `unchanged`: what a run says of a provider is
the sum of its entries, and the next run goes on from there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from sqlalchemy import Engine

from api.dashboards.queries.marts import Marts
from api.dashboards.rates.book import list_prices, model_names, own_rates
from api.dashboards.rates.models import Cause
from api.dashboards.rates.restatements import Group, Prices, Then, month_groups
from api.db.models import RestatementEntry, RestatementRun
from api.db.session import reading
from api.errors import Refused, conflict
from api.repricing.ledger import entries_of, last_run
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.clock import from_micros
from pipelines.lake.paths import Home

EntryCause = Literal[Cause, "opening", "no_longer_known", "unchanged"]
UNCHANGED: Final = "unchanged"


@dataclass(frozen=True, slots=True)
class Entry:
    """Requests of one provider that changed for one cause; amounts in picodollars.

    Attributes:
        provider: as daemons name it.
        cause: why its price is another one. `opening`: nothing was said before; `no_longer_known`: what was said and
            cannot be computed again, its requests not among those of now.
        requests: how many.
        unpriced_requests: how many of them have no price now.
        said: what they were said to cost.
        now: what they cost now.
    """

    provider: str
    cause: EntryCause
    requests: int
    unpriced_requests: int
    said: int
    now: int


@dataclass(frozen=True, slots=True)
class MonthPriced:
    """A month as a run found it.

    Attributes:
        month: its first day, in UTC.
        priced_at: prices known until then were taken, aware UTC.
        build_id: the build that was read.
        max_file_seq: the newest landing file in it.
        rate_book_version: of everyone's prices; None when there are none.
        previous: the month's last run, which it was compared with; None for its first.
        said_at: what was known then is what it was compared with; None when nothing had been said.
        entries: by provider and cause.
    """

    month: date
    priced_at: datetime
    build_id: str
    max_file_seq: int
    rate_book_version: str | None
    previous: RestatementRun | None
    said_at: datetime | None
    entries: tuple[Entry, ...]

    @property
    def has_changed(self) -> bool:
        """Whether there is anything that the run before did not say."""
        return self.previous is None or any(entry.cause != UNCHANGED for entry in self.entries)


def price_month(
    home: Home,
    engine: Engine,
    snapshots: SnapshotReader,
    workspace_id: str,
    month: date,
    since: datetime | None,
    at: datetime,
) -> MonthPriced:
    """Price a month by what is known now and compare it. Hold no transaction meanwhile: it takes a while.

    Args:
        home: the installation.
        engine: its app database.
        snapshots: its builds.
        workspace_id: whose requests.
        month: its first day, in UTC.
        since: compare a month's first run with what was known then; None: nothing had been said.
        at: the present.

    Raises:
        Refused: 409 the ledger has begun (`since` is the run before), the month is empty, or the newest build does not
            hold what is known.
    """
    with reading(engine) as session:
        previous = last_run(session, workspace_id, month)
        said = [] if previous is None else entries_of(session, [previous.id])[previous.id]
        own = own_rates(session, workspace_id)
    if previous is not None and since is not None:
        raise conflict("ledger_begun", "The month's ledger goes on from its last run; leave out since when.")
    snapshot = snapshots.current()
    if snapshot is None:
        raise _not_built("Nothing has been built yet.")
    with snapshot:
        if previous is not None and snapshot.max_file_seq < previous.max_file_seq:
            raise _not_built("The newest build is older than the one the last run read.")
        by = Prices(list_prices(home), own, model_names(home))
        groups = month_groups(Marts(snapshot), workspace_id, by, month, _then(previous, since, at), at)
        if not all(group.is_as_built for group in groups):
            raise _not_built("Prices have changed since the newest build.")
        if not groups and previous is None:
            raise conflict("month_empty", "Nothing was logged in this month.")
        opens = previous is None and since is None
        return MonthPriced(
            month=month,
            priced_at=at,
            build_id=snapshot.build_id,
            max_file_seq=snapshot.max_file_seq,
            rate_book_version=by.listed.version,
            previous=previous,
            said_at=since if previous is None else from_micros(previous.made_at_us),
            entries=tuple(_opening(groups) if opens else _compared(groups, None if previous is None else said)),
        )


def _then(previous: RestatementRun | None, since: datetime | None, at: datetime) -> Then:
    if previous is not None:
        return Then(from_micros(previous.made_at_us), previous.max_file_seq)
    return Then(at if since is None else since)


def _opening(groups: Sequence[Group]) -> list[Entry]:
    by_provider: defaultdict[str, list[Group]] = defaultdict(list)
    for group in groups:
        by_provider[group.provider].append(group)
    return [_entry(provider, "opening", some, said=0) for provider, some in sorted(by_provider.items())]


def _compared(groups: Sequence[Group], said: Sequence[RestatementEntry] | None) -> list[Entry]:
    parts: defaultdict[tuple[str, EntryCause], list[Group]] = defaultdict(list)
    for group in groups:
        parts[group.provider, group.cause or UNCHANGED].append(group)
    entries = [
        _entry(provider, cause, some, sum(0 if group.is_late else group.then_picousd for group in some))
        for (provider, cause), some in parts.items()
    ]
    if said is not None:
        entries += _lost(entries, said)
    return sorted(entries, key=lambda entry: (entry.provider, entry.cause))


def _lost(entries: Sequence[Entry], said: Sequence[RestatementEntry]) -> list[Entry]:
    """Return what the run before said of each provider beyond what can be computed again."""
    lost: list[Entry] = []
    for provider in sorted({entry.provider for entry in (*entries, *said)}):
        before = [entry for entry in said if entry.provider == provider]
        again = [entry for entry in entries if entry.provider == provider and entry.cause != "late_requests"]
        picousd = sum(int(entry.now_picousd) for entry in before) - sum(entry.said for entry in again)
        counted = sum(entry.requests for entry in before if entry.cause != "no_longer_known")
        requests = counted - sum(entry.requests for entry in again)
        if picousd or requests:
            lost.append(Entry(provider, "no_longer_known", max(requests, 0), 0, said=picousd, now=0))
    return lost


def _entry(provider: str, cause: EntryCause, groups: Sequence[Group], said: int) -> Entry:
    return Entry(
        provider=provider,
        cause=cause,
        requests=sum(group.requests for group in groups),
        unpriced_requests=sum(group.now_unpriced for group in groups),
        said=said,
        now=sum(group.now_picousd for group in groups),
    )


def _not_built(reason: str) -> Refused:
    return conflict("month_not_built", f"{reason} Try again in some minutes.")
