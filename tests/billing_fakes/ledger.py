"""The one ledger every fake of a provider serves, with exact amounts, and the knobs that make a fake misbehave.

Belongs here: what was used and what it costs. Does not belong here: how a provider words it (one module each).
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pipelines.billing.bills import TOKEN_KINDS

ADMIN_KEY = "sk-admin-0f9d3c5658a74a54-NEVER-IN-A-LOG"
PICOUSD_PER_TOKEN = {
    "uncached_input": 3_000_000,
    "cache_read": 300_000,
    "cache_write_5m": 3_750_000,
    "cache_write_1h": 6_000_000,
    "output": 15_000_010,  # an odd price: cents with ten decimals, and whole picodollars after the discount
}
DISCOUNT = Decimal("0.9")


@dataclass(frozen=True)
class Used:
    """Tokens of one kind that one key used of one model on a UTC day, and what they cost."""

    day: date
    model: str
    key: str
    tier: str | None
    kind: str
    tokens: int
    list_amount: Decimal

    @property
    def amount(self) -> Decimal:
        return self.list_amount * DISCOUNT


@dataclass
class Ledger:
    """Everything a provider would bill."""

    used: list[Used] = field(default_factory=list[Used])
    requests: dict[tuple[date, str, str, str | None], int] = field(default_factory=dict)
    credits: dict[date, Decimal] = field(default_factory=dict)

    def of(self, first: date, last: date) -> list[Used]:
        return [one for one in self.used if first <= one.day <= last]

    def amount(self, first: date, last: date) -> Decimal:
        return sum((one.amount for one in self.of(first, last)), Decimal(0))

    def list_amount(self, first: date, last: date) -> Decimal:
        return sum((one.list_amount for one in self.of(first, last)), Decimal(0))

    def tokens(self, kind: str, first: date, last: date) -> int:
        return sum(one.tokens for one in self.of(first, last) if one.kind == kind)

    def request_count(self, first: date, last: date) -> int:
        return sum(count for (day, *_), count in self.requests.items() if first <= day <= last)

    def restate(self, day: date, extra_tokens: int) -> None:
        """Let the provider correct a day: every use of it is larger."""
        self.used = [used_of(one, one.tokens + extra_tokens) if one.day == day else one for one in self.used]


def used_of(like: Used, tokens: int) -> Used:
    return replace(like, tokens=tokens, list_amount=Decimal(tokens * PICOUSD_PER_TOKEN[like.kind]).scaleb(-12))


def seeded(
    first: date,
    days: int,
    *,
    models: Sequence[str] = ("big-1", "small-2"),
    kinds: Sequence[str] = TOKEN_KINDS,
    tiers: Sequence[str | None] = ("standard", "batch"),
    seed: int = 20261122,
) -> Ledger:
    """Return a ledger of consecutive days; the same arguments give the same ledger."""
    rng = random.Random(seed)
    ledger = Ledger()
    for day in (first + timedelta(days=number) for number in range(days)):
        for model in models:
            for key, tier in (("key_a", tiers[0]), ("key_b", tiers[-1])):
                ledger.requests[day, model, key, tier] = rng.randrange(1, 5_000)
                for kind in kinds:
                    used = Used(day, model, key, tier, kind, 0, Decimal(0))
                    ledger.used.append(used_of(used, rng.randrange(1, 10_000_000)))
    return ledger


@dataclass
class Knobs:
    """How a fake behaves.

    Attributes:
        late: days it does not know of yet.
        refuse: status every call is refused with.
        busy: how many calls are answered with 429 first.
        retry_after: what these say, if anything.
        exponents: amounts are written such as `1.5E-7`.
        no_tier: service tiers are left out.
        page_rows: at most so many rows or buckets a page, whatever was asked for.
        more_without_token: pages claim that there is more and not where.
        same_token: every page leads to the second one.
        bucket_twice: every bucket comes twice.
        usage_status: status the usage report is refused with.
        redirect: every call leads elsewhere.
        series_max: so many series at most (xAI).
    """

    late: set[date] = field(default_factory=set[date])
    refuse: int | None = None
    busy: int = 0
    retry_after: str | None = None
    exponents: bool = False
    no_tier: bool = False
    page_rows: int = 1_000_000
    more_without_token: bool = False
    same_token: bool = False
    bucket_twice: bool = False
    usage_status: int | None = None
    redirect: bool = False
    series_max: int = 1_000_000


@dataclass
class Fake:
    """What fakes share: the ledger, the knobs, and the calls that came."""

    ledger: Ledger
    knobs: Knobs = field(default_factory=Knobs)
    calls: list[str] = field(default_factory=list[str])

    def visible(self, first: date, last: date) -> list[Used]:
        known = [one for one in self.ledger.of(first, last) if one.day not in self.knobs.late]
        return [replace(one, tier=None) for one in known] if self.knobs.no_tier else known

    def requests_of(self, day: date, whose: Iterable[str | None]) -> int:
        wanted = list(whose)
        return sum(
            count
            for (of_day, model, key, tier), count in self.ledger.requests.items()
            if of_day == day and [model, key, None if self.knobs.no_tier else tier] == wanted
        )

    def refusal(self, request: Request, sent_key: str | None, *, is_usage: bool = False) -> Response | None:
        """Return what a call is refused with, echoing the key as some providers do; None when it is let in."""
        self.calls.append(f"{request.method} {request.url.path}?{request.url.query}")
        if self.knobs.busy > 0:
            self.knobs.busy -= 1
            headers = {"retry-after": self.knobs.retry_after} if self.knobs.retry_after else {}
            return refused(429, "rate_limit_error", "slow down", headers)
        if self.knobs.redirect:
            return Response(status_code=302, headers={"location": "http://127.0.0.1:9/elsewhere"})
        status = self.knobs.refuse or (self.knobs.usage_status if is_usage else None)
        if sent_key != ADMIN_KEY:
            status = status or 401
        return refused(status, "authentication_error", f"Incorrect API key provided: {sent_key}") if status else None

    def text_of(self, amount: Decimal) -> str:
        return f"{amount:E}" if self.knobs.exponents else f"{amount:f}"


def grouped(used: Iterable[Used], fields: Sequence[str]) -> dict[tuple[Any, ...], list[Used]]:
    """Return uses by the values of these fields, in order."""
    found: dict[tuple[Any, ...], list[Used]] = {}
    for one in used:
        found.setdefault(tuple(getattr(one, name) for name in fields), []).append(one)
    return dict(sorted(found.items(), key=lambda entry: [str(value) for value in entry[0]]))


def page(fake: Fake, request: Request, rows: Sequence[Any], limit: int) -> Response:
    """Return a page of rows; its token is bound to the query it was given for."""
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]
    digest = hashlib.sha256(json.dumps([request.url.path, query]).encode()).hexdigest()
    offset = 0
    if "page" in request.query_params:
        try:
            bound, offset = json.loads(base64.urlsafe_b64decode(request.query_params["page"]))
        except ValueError:
            return refused(400, "invalid_request_error", "no such page")
        if bound != digest:
            return refused(400, "invalid_request_error", "the page token belongs to another query")
    size = min(limit, fake.knobs.page_rows)
    has_more = offset + size < len(rows)
    following = size if fake.knobs.same_token else offset + size
    token = base64.urlsafe_b64encode(json.dumps([digest, following]).encode()).decode() if has_more else None
    if fake.knobs.more_without_token:
        has_more, token = True, None
    return answer({"data": rows[offset : offset + size], "has_more": has_more, "next_page": token})


def refused(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return answer({"type": "error", "error": {"type": kind, "message": message}}, status, headers)


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return JSON; texts made by `number` stand in it as numbers, digit by digit."""
    text = re.sub(r'"\\u0000([^"]*)"', r"\1", json.dumps(content))
    return Response(text, status, headers=dict(headers or {}), media_type="application/json")


def number(text: str) -> str:
    """Mark a decimal text that should stand as a JSON number."""
    return f"\0{text}"
