"""The cloud worker: looks every few seconds whether something may and can be sent, and sends it.

Belongs here: one tick, what failures mean for the link, waiting longer after each. Does not belong here: the thread it
runs on (`daemon.service`), pages and receipts (`sending`).

A tick reads config, credentials and the pause anew: what a command changes counts at once, and without a restart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from daemon.clock import SECOND, Clock, to_micros
from daemon.cloud.gate import Gate, Link
from daemon.cloud.pages import PAGE_BYTES, PAGE_ROWS
from daemon.cloud.sending import Sender, Stopped, Tally
from daemon.cloud.turn import turn
from daemon.cloud.waiting import withheld_spellings
from daemon.credentials import Credentials, MeterHome, UnreadableStateError
from daemon.store.cloud_state import CloudChanges, CloudState
from daemon.store.errors import StoreError
from daemon.store.store import Store
from daemon.sync.client import CloudClient
from daemon.sync.errors import CloudError, Forbidden, TokenRejected, Unavailable
from daemon.sync.retry import RetryPolicy

PAUSED_UNAUTHORISED: Final = "paused_unauthorised"
PAUSED_WORKSPACE_DELETED: Final = "paused_workspace_deleted"
PAUSED_FORBIDDEN: Final = "paused_forbidden"
PAUSED_MANUAL: Final = "paused_manual"
_HISTORY: Final = 8
_SAMPLE_APART_US: Final = 5 * SECOND
_IDLE_NOTE_US: Final = 60 * SECOND
"""An idle worker says so this often: a laptop's disk may sleep."""


class Outcome(StrEnum):
    """How a tick ended."""

    NOT_CONFIGURED = "not_configured"
    PAUSED = "paused"
    BLOCKED = "blocked"
    """Config, credentials or rules cannot be understood: nothing leaves."""
    BUSY = "busy"
    """Another process is sending."""
    WAITING = "waiting"
    """It failed a moment ago."""
    DONE = "done"
    """Nothing waits any more."""
    MORE = "more"
    """Time was up, or the link was changed: the rest goes at the next tick."""
    FAILED = "failed"
    """The cloud or the store did not do its part; nothing is lost."""


@dataclass(frozen=True)
class TickResult:
    """What a tick did.

    Attributes:
        tally: what was acknowledged, also when it ended badly.
        error: why it ended badly, one sentence.
        wait_seconds: how long to leave it alone; 0 when the usual tick will do.
        retry: whether trying again in a moment may help; the daemon goes on trying in any case, less and less often.
    """

    outcome: Outcome
    tally: Tally = field(default_factory=Tally)
    error: str | None = None
    wait_seconds: float = 0.0
    retry: bool = True


def pause_reason(error: TokenRejected | Forbidden) -> str:
    """Return the word under which the link rests after such an answer."""
    if isinstance(error, Forbidden):
        return PAUSED_FORBIDDEN
    return PAUSED_WORKSPACE_DELETED if error.code == "workspace_deleted" else PAUSED_UNAUTHORISED


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """How a worker goes about it.

    Attributes:
        backoff: waits after failures, in seconds.
        budget_seconds: longest tick; pages that are on their way are finished.
        page_rows: most rows of a page.
        page_bytes: most bytes of a body before compression.
        monotonic: seconds of a clock that cannot be set.
        turn_seconds: how long to wait for another process that is sending.
        overall_seconds: how long all ticks together may wait for the cloud; None for a worker that goes on for ever.
        daemon_version: goes into the User-Agent.
    """

    backoff: RetryPolicy = field(default_factory=lambda: RetryPolicy(first_seconds=15.0, cap_seconds=300.0))
    budget_seconds: float = 10.0
    page_rows: int = PAGE_ROWS
    page_bytes: int = PAGE_BYTES
    monotonic: Callable[[], float] = time.monotonic
    turn_seconds: float = 0.0
    overall_seconds: float | None = None
    daemon_version: str = "0"


class CloudWorker:
    """Sends the queue of one home. Call `tick` every `sync_interval_seconds`, from one thread."""

    def __init__(
        self,
        home: MeterHome,
        store: Store,
        clock: Clock,
        *,
        settings: WorkerSettings | None = None,
        sent: Callable[[Tally], None] | None = None,
    ) -> None:
        """Prepare; nothing is read or sent before the first tick.

        Args:
            home: whose config and credentials.
            store: its store.
            clock: wall clock.
            settings: waits and sizes.
            sent: told after every acknowledged page, for a screen.
        """
        self._home = home
        self._store = store
        self._clock = clock
        self._settings = settings or WorkerSettings()
        self._sent = sent
        self._gate = Gate(home)
        self._not_before = float("-inf")
        self._waiting_for: Link | None = None
        self._failures = 0
        self._gzip_refused = False
        overall = self._settings.overall_seconds
        self._until = None if overall is None else time.monotonic() + overall

    def tick(self) -> TickResult:
        """Send what waits, if it may be sent; never raises for what a cloud, a file or the store does."""
        try:
            link = self._gate.look()
            left = self._not_before - self._settings.monotonic()
            if left > 0 and not self._is_void(link):
                return TickResult(Outcome.WAITING, wait_seconds=left)
            if link is None:
                return TickResult(Outcome.NOT_CONFIGURED, retry=False)
            with turn(self._home, wait_seconds=self._settings.turn_seconds) as mine:
                return self._tick() if mine else TickResult(Outcome.BUSY)
        except (UnreadableStateError, CloudError) as error:  # of the latter only an address that is none comes here
            return self._blocked(str(error))
        except (StoreError, OSError) as error:
            return self._failed(Tally(), str(error), None)

    def _is_void(self, link: Link | None) -> bool:
        """Return whether a wait has lost its reason: another pairing, or somebody got through or resumed meanwhile."""
        if self._waiting_for is None:  # for the disk, that is
            return False
        return link != self._waiting_for or self._store.cloud_state().consecutive_failures == 0

    def _tick(self) -> TickResult:
        link = self._gate.look()  # again: it may have changed while waiting for the turn
        if link is None:
            return TickResult(Outcome.NOT_CONFIGURED, retry=False)
        state = self._store.cloud_state()
        if state.paused_reason is not None:
            return TickResult(Outcome.PAUSED, error=state.paused_reason, retry=False)
        with self._client(link.credentials) as client:
            sender = self._sender(client, link, state)
            try:
                sender.resend()
                sender.send_all()
                outcome = Outcome.DONE
            except Stopped:
                outcome = Outcome.MORE
            except CloudError as error:
                self._note(link, state, sender)
                return self._after(error, link, sender.tally)
            finally:
                self._gzip_refused |= self._gzip_wanted(state) and not sender.gzip
        self._failures = 0
        self._note(link, state, sender, succeeded=True)
        return TickResult(outcome, sender.tally)

    def _client(self, credentials: Credentials) -> CloudClient:
        # It does not retry: the next tick does.
        return CloudClient(
            credentials.endpoint,
            credentials.api_key,
            daemon_version=self._settings.daemon_version,
            retry=RetryPolicy(retries=0),
            overall_seconds=None if self._until is None else self._until - time.monotonic(),
        )

    def _sender(self, client: CloudClient, link: Link, state: CloudState) -> Sender:
        until = self._settings.monotonic() + self._settings.budget_seconds
        told = 0

        def go_on() -> bool:
            nonlocal told
            if self._sent is not None and sender.tally.batches > told:
                told = sender.tally.batches
                self._sent(sender.tally)
            if self._settings.monotonic() >= until or self._gate.look() != link:
                return False
            return self._store.cloud_state().paused_reason is None

        sender = Sender(
            self._store,
            client,
            link.rules,
            gzip=self._gzip_wanted(state),
            receipts_expected=state.receipts_at_us is not None,
            go_on=go_on,
            page_rows=self._settings.page_rows,
            page_bytes=self._settings.page_bytes,
        )
        return sender

    def _gzip_wanted(self, state: CloudState) -> bool:
        # Clouds that give receipts are known to read gzip; of others it is not known.
        return state.receipts_at_us is not None and not self._gzip_refused

    def _after(self, error: CloudError, link: Link, tally: Tally) -> TickResult:
        """Write down what a failure means for the link."""
        if isinstance(error, TokenRejected | Forbidden):
            return self._pause(link, pause_reason(error), error, tally)
        if self._gate.look() == link:  # nothing is known any more of a cloud this machine has left
            self._count_failure(error.message)
        if isinstance(error, Unavailable):
            return self._failed(tally, error.message, error.retry_after, link=link)
        return self._failed(tally, error.message, None, link=link, retry=False)

    def _pause(self, link: Link, reason: str, error: CloudError, tally: Tally) -> TickResult:
        if self._gate.look() == link:  # whoever paired anew meanwhile is not paused for the old token
            now = to_micros(self._clock.now())
            self._store.set_cloud_state(paused_reason=reason, last_error=error.message, last_error_at_us=now)
        return TickResult(Outcome.PAUSED, tally, error.message, retry=False)

    def _failed(
        self, tally: Tally, message: str, retry_after: float | None, *, link: Link | None = None, retry: bool = True
    ) -> TickResult:
        self._waiting_for = link
        wait = self._settings.backoff.seconds(self._failures, retry_after)
        self._failures += 1
        self._not_before = self._settings.monotonic() + wait
        return TickResult(Outcome.FAILED, tally, message, wait, retry)

    def _blocked(self, message: str) -> TickResult:
        try:
            state = self._store.cloud_state()
            age = to_micros(self._clock.now()) - (state.last_error_at_us or 0)
            if state.last_error != message or not 0 <= age < _IDLE_NOTE_US:
                self._count_failure(message)
        except StoreError as error:
            return TickResult(Outcome.BLOCKED, error=f"{message}; {error}", retry=False)
        return TickResult(Outcome.BLOCKED, error=message, retry=False)

    def _count_failure(self, message: str) -> None:
        now = to_micros(self._clock.now())
        failures = self._store.cloud_state().consecutive_failures + 1
        self._store.set_cloud_state(
            last_error=message, last_error_at_us=now, last_tick_at_us=now, consecutive_failures=failures
        )

    def _note(self, link: Link, before: CloudState, sender: Sender, *, succeeded: bool = False) -> None:
        """Write down how the tick went, unless it was idle and said so a moment ago."""
        if self._gate.look() != link:
            return
        now = to_micros(self._clock.now())
        changes: CloudChanges = {"last_tick_at_us": now}
        if sender.tally.batches:
            changes["last_batch_succeeded_at_us"] = now
        if sender.receipts_expected and before.receipts_at_us is None:
            changes["receipts_at_us"] = now
        if succeeded and (before.consecutive_failures or before.last_error is not None):
            changes |= {"last_error": None, "consecutive_failures": 0}
        pending = self._store.pending_count(excluded_projects=withheld_spellings(self._store, link.rules))
        history = _with_sample(before.queue_history, now, pending)
        if history[-1][1] or (before.queue_history and before.queue_history[-1][1]):
            changes["queue_history"] = history
        last = before.last_tick_at_us
        if len(changes) > 1 or last is None or not 0 <= now - last < _IDLE_NOTE_US:
            self._store.set_cloud_state(**changes)


def _with_sample(history: tuple[tuple[int, int], ...], now_us: int, pending: int) -> tuple[tuple[int, int], ...]:
    # Ticks of a command follow each other closely: they are one look at the queue.
    if history and 0 <= now_us - history[-1][0] < _SAMPLE_APART_US:
        history = history[:-1]
    return (*history, (now_us, pending))[-_HISTORY:]
