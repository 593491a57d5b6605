"""The cloud as a laptop sees it: one method per call of protocol version 1.

Belongs here: requests, retries, and the reading of answers. Does not belong here: where credentials are kept
(`daemon.credentials`), what is sent when (the worker), messages (`daemon.wire`).

Raises everywhere what `daemon.sync.errors` draws. Redirects are never followed and never a success; a 2xx counts only
with a JSON object or an empty body.
"""

from __future__ import annotations

import gzip
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
import msgspec

from daemon.sync import answers
from daemon.sync.address import is_address
from daemon.sync.answers import Acknowledged
from daemon.sync.errors import CloudError, ContractMismatch, PairingEnded, Refused, TokenRejected, Unavailable
from daemon.sync.retry import RetryPolicy, is_transient, retry_after_seconds
from daemon.wire.batch import DaemonTotals, Receipt, Receipts
from daemon.wire.pairing import PairingPoll, PairingStart, PairingStarted, PairingState, WhoAmI
from daemon.wire.pricing import PricingRates
from daemon.wire.record import Record

PAGE_ROWS: Final = 500
TERMINAL: Final = frozenset({"denied", "expired", "consumed"})
_TIMEOUT: Final = httpx.Timeout(60.0, connect=30.0)
_NO_SUCH_ROUTE: Final = frozenset({404, 405})
_ENCODER: Final = msgspec.json.Encoder()

T = TypeVar("T")
AnyRecord = Record | Mapping[str, Any]
"""A typed record, or one as an older release wrote it (24 or 28 keys)."""


class CloudClient:
    """A connection to one cloud, with or without a device's token. Use as a context manager, or `close` it.

    Attributes:
        base_url: scheme, host and optional path prefix, without a trailing slash.
        token: the device's sync token; None before pairing.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        daemon_version: str = "0",
        retry: RetryPolicy | None = None,
        gzip_bodies: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        overall_seconds: float | None = None,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            base_url: `http://` or `https://` address of the cloud.
            token: the device's sync token.
            daemon_version: goes into the User-Agent.
            retry: waits between tries.
            gzip_bodies: compress request bodies; only for servers known to accept it.
            monotonic: seconds of a clock that never goes back; decides when pairing has waited long enough.
            overall_seconds: how long all calls of this client together may take, waits included; None means as long as
                the retries last.

        Raises:
            CloudError: the address is not an http(s) URL with a host, or has more than a host, a port and a path.
        """
        if not is_address(base_url):
            raise CloudError("The base URL must look like https://meter.example.com")
        self.base_url = base_url.rstrip("/")
        self.token = token
        self._retry = retry or RetryPolicy()
        self._gzip = gzip_bodies
        self._monotonic = monotonic
        self._until = None if overall_seconds is None else monotonic() + overall_seconds
        # Proxy variables are ignored: on a metered laptop they point at the meter itself.
        self._http = httpx.Client(
            timeout=_TIMEOUT,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": f"halton-meter-daemon/{daemon_version}", "Accept": "application/json"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def start_pairing(self, request: PairingStart) -> PairingStarted:
        """Ask for a code that a person can approve."""
        # Early servers refuse unknown keys: what is not known is left out.
        body = {key: value for key, value in msgspec.structs.asdict(request).items() if value is not None}
        return self._typed(PairingStarted, "POST", "/v1/pairing/start", body, authenticated=False)

    def poll_pairing(self, started: PairingStarted, *, wait_seconds: float = 0.0) -> PairingState:
        """Ask once how a pairing stands; the server may hold the answer up to `wait_seconds` (0 to 25)."""
        poll = PairingPoll(pairing_code=started.pairing_code, poll_token=started.poll_token, wait_seconds=wait_seconds)
        return self._typed(PairingState, "POST", "/v1/pairing/poll", poll, authenticated=False)

    def poll_until_approved(
        self,
        started: PairingStarted,
        *,
        interval_seconds: float = 2.0,
        timeout_seconds: float = 600.0,
        progress: Callable[[PairingState], None] | None = None,
    ) -> PairingState:
        """Poll until a person decides; on approval the state carries `api_key`, and this client uses it.

        Args:
            started: answer of `start_pairing`.
            interval_seconds: pause between polls.
            timeout_seconds: give up after this long.
            progress: called with every state, the last one included.

        Raises:
            PairingEnded: denied, expired, consumed, or timed out.
            ContractMismatch: approved, but no key came with it.
        """
        deadline = self._monotonic() + timeout_seconds
        while True:
            state = self._poll_or_pending(started)
            if progress is not None:
                progress(state)
            if state.status == "approved":
                if not state.api_key:
                    raise ContractMismatch("The cloud approved this machine but sent no key", status=200)
                self.token = state.api_key
                return state
            if state.status in TERMINAL:
                raise PairingEnded(state.status)
            if self._monotonic() + interval_seconds > deadline:
                raise PairingEnded("timed_out")
            self._retry.sleep(interval_seconds)

    def _poll_or_pending(self, started: PairingStarted) -> PairingState:
        try:
            return self.poll_pairing(started)
        except Unavailable:
            # A restarting server must not cost the person a second pairing: the deadline ends the wait.
            return PairingState(status="pending")

    def whoami(self) -> WhoAmI:
        """Return what the token stands for."""
        return self._typed(WhoAmI, "GET", "/v1/daemon/whoami")

    def disconnect(self) -> None:
        """Make the token unusable; a token that is dead already counts as done."""
        try:
            self._send("POST", "/v1/pairing/revoke", None)
        except TokenRejected:
            return
        except Refused as error:
            if error.status not in _NO_SUCH_ROUTE:
                raise
            self._disconnect_as_released()

    def _disconnect_as_released(self) -> None:
        # Clouds that serve only what released daemons call know it by another name.
        try:
            self._send("DELETE", "/v1/daemon/disconnect", None)
        except TokenRejected:
            return

    def upload(self, records: Sequence[AnyRecord], *, batch_id: str | None = None) -> Receipt:
        """Send one page of records; returns only when the cloud says they are durable.

        Retries within this call repeat the same bytes, `batch_id` included, so that the server can see a replay.

        Args:
            records: at least one, ordered by (recorded_at, id).
            batch_id: names this attempt; a fresh uuid4 when None.

        Returns:
            The server's receipt. From a server that answers with an empty body or no counts, a receipt that counts
            every record as accepted.
        """
        if not records:
            raise ValueError("a batch is never empty")
        key = batch_id or str(uuid.uuid4())
        content = _ENCODER.encode({"batch_id": key, "records": list(records)})
        return self.upload_encoded(content, batch_id=key, row_count=len(records), compressed=self._gzip).receipt

    def upload_encoded(self, content: bytes, *, batch_id: str, row_count: int, compressed: bool) -> Acknowledged:
        """Send one page that is JSON already; returns only when the cloud says its records are durable.

        Args:
            content: the whole body, `batch_id` included.
            batch_id: as in `content`.
            row_count: records in `content`.
            compressed: send it with gzip.
        """
        status, answer = self._send("POST", "/v1/requests/batch", content, compressed=compressed)
        return answers.acknowledged(answer, status=status, batch_id=batch_id, row_count=row_count)

    def upload_pages(self, records: Sequence[AnyRecord], *, page_rows: int = PAGE_ROWS) -> Iterator[Receipt]:
        """Send any number of records, `page_rows` at a time; yields each page's receipt as it comes."""
        for start in range(0, len(records), page_rows):
            yield self.upload(records[start : start + page_rows])

    def receipts(self, limit: int | None = None) -> Receipts:
        """Return the accounts of this device's batches, newest first; at most `limit` (1 to 500)."""
        query = "" if limit is None else f"?limit={limit}"
        return self._typed(Receipts, "GET", f"/v1/daemon/receipts{query}")

    def daemon_totals(self, from_date: date, to_date: date) -> DaemonTotals:
        """Return what the cloud holds from this device per project and UTC day of `recorded_at`, both days included."""
        query = f"?from_date={from_date.isoformat()}&to_date={to_date.isoformat()}"
        return self._typed(DaemonTotals, "GET", f"/v1/reconciliation/daemon-totals{query}")

    def pricing_rates(self) -> PricingRates:
        """Return the rate table the cloud offers."""
        return self._typed(PricingRates, "GET", "/v1/pricing/rates")

    def _typed(self, kind: type[T], method: str, path: str, body: Any = None, *, authenticated: bool = True) -> T:
        content = None if body is None else _ENCODER.encode(body)
        status, answer = self._send(method, path, content, authenticated=authenticated, compressed=self._gzip)
        return answers.typed(kind, answer, status=status)

    def _send(
        self, method: str, path: str, content: bytes | None, *, authenticated: bool = True, compressed: bool = False
    ) -> tuple[int, dict[str, Any] | None]:
        """Send until there is a verdict; returns the status and the JSON object, None for an empty body."""
        headers: dict[str, str] = {}
        if authenticated:
            if not self.token:
                raise TokenRejected("This machine is not paired", code="token_unknown", status=401)
            if not self.token.isascii():
                raise TokenRejected("The stored token is damaged", code="token_unknown", status=401)
            headers["Authorization"] = f"Bearer {self.token}"
        if content is not None:
            headers["Content-Type"] = "application/json"
            if compressed:
                headers["Content-Encoding"] = "gzip"
                # No time stamp inside, so that a retry is the same bytes; level 3 is the knee for JSON of this kind.
                content = gzip.compress(content, 3, mtime=0)
        for attempt in range(self._retry.retries + 1):
            answer = self._once(method, path, content, headers)
            if not isinstance(answer, Unavailable):
                return answer
            seconds = self._retry.seconds(attempt, answer.retry_after)
            if attempt == self._retry.retries or not self._time_left(seconds):
                raise answer
            self._retry.wait(seconds, answer.message)
        raise AssertionError("the loop runs at least once")

    def _once(
        self, method: str, path: str, content: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any] | None] | Unavailable:
        """Send once; returns the verdict, or why there is none yet."""
        try:
            with self._http.stream(
                method, self.base_url + path, content=content, headers=headers, timeout=self._timeout()
            ) as answer:
                said = answers.bounded(self._in_time(answer.iter_bytes()), answer.status_code)
        except httpx.TransportError as error:
            failure = Unavailable(f"The cloud cannot be reached: {error or type(error).__name__}")
            failure.__cause__ = error
            return failure
        except httpx.HTTPError as error:
            raise ContractMismatch(f"The cloud's answer cannot be read: {error}", status=0) from error
        if is_transient(answer.status_code):
            wait = retry_after_seconds(answer.headers.get("retry-after"))
            return Unavailable(f"The cloud answers {answer.status_code}", status=answer.status_code, retry_after=wait)
        return answer.status_code, answers.verdict(answer.status_code, said)

    def _in_time(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        """Yield parts of an answer while they may come; one that only drips never runs into a read timeout."""
        latest = time.monotonic() + (self._timeout().read or 0.0)
        for part in parts:
            if time.monotonic() > latest:
                raise httpx.ReadTimeout("the answer takes too long")
            yield part

    def _time_left(self, seconds: float) -> bool:
        return self._until is None or self._monotonic() + seconds < self._until

    def _timeout(self) -> httpx.Timeout:
        if self._until is None:
            return _TIMEOUT
        left = max(self._until - self._monotonic(), 0.1)
        return httpx.Timeout(min(60.0, left), connect=min(30.0, left))
