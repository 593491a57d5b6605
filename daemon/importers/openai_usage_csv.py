"""OpenAI's exports of usage and of costs, as CSV.

Belongs here: what a row means, and parting buckets. Does not belong here: the API of the same figures (the server's
connectors).

A row of usage is no call but a bucket: all requests of an hour or a day with the same model, key, project and tier.
Longer prompts cost more per token from some length on, so a bucket of a day must not be priced as one prompt: it is
parted evenly into rows that are as long as its average request, or 100,000 tokens if that is more. A bucket that had
not ended when the file was written is told differently by a later export, and is left for that.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from daemon.calls.call import Call
from daemon.calls.tokens import ReportedTokens, from_reported
from daemon.clock import DAY
from daemon.importers.draft import IMPORTED, BadLine, Billing, Draft, billing_basis
from daemon.importers.fields import call_id, count_text, decimal_of, instant_us, millicents, text

SOURCE: Final = "import:openai-usage-csv"
COSTS: Final = "costs"
"""`surface` of amounts, which are of no call in particular."""
PART_TOKENS: Final = 100_000
"""Input of a part, in tokens, where requests were shorter on average: below the first length that costs more."""
_CELL_MAX: Final = 1 << 20
_ALIASES: Final = {
    "start": ("start_time_iso", "start_time", "aggregation_timestamp", "timestamp", "date"),
    "end": ("end_time_iso", "end_time"),
    "model": ("model", "snapshot_id"),
    "requests": ("num_model_requests", "n_requests", "num_requests"),
    "input": ("input_tokens", "n_context_tokens_total", "prompt_tokens"),
    "output": ("output_tokens", "n_generated_tokens_total", "completion_tokens"),
    "cached": ("input_cached_tokens", "n_cached_context_tokens_total", "cached_tokens"),
    "amount": ("amount_value",),
}
_NAMED_BY: Final = ("project_id", "project_name", "user_id", "api_key_id", "batch", "service_tier", "line_item")
_NOT_TEXT: Final = ("input_audio_tokens", "output_audio_tokens", "input_image_tokens", "output_image_tokens")

_Row = dict[str, str]


def openai_usage_csv(content: bytes, as_of_us: int, billing: Billing) -> Iterator[Draft | BadLine]:
    """Yield the calls that stand for an export's rows.

    Args:
        content: the file: UTF-8, cells parted by commas, semicolons or tabs, the first row naming them.
        as_of_us: when the file was written, UTC microseconds; buckets that end later are left out.
        billing: `auto` marks rows as imported: this machine's own records may hold the same calls.
    """
    rows = _rows(content)
    header = next(rows, None)
    if header is None:
        yield BadLine("an empty file")
        return
    names = [name.strip().lower() for name in header]
    kind = _kind_of(set(names))
    if kind is None:
        yield BadLine("neither an export of usage nor of costs: no column of tokens, none of amounts")
        return
    alike = Counter[str]()
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        row = dict(zip(names, cells, strict=False))
        try:
            bucket = _bucket(row)
            if bucket.end_us <= as_of_us:
                identity = call_id(SOURCE, kind, *bucket, _cell(row, "model"), *_names(row))
                alike[identity] += 1
                named = (identity, alike[identity])
                yield from (_usage if kind == "usage" else _cost)(row, bucket.start_us, named, billing)
        except BadLine as bad:
            yield bad


def _rows(content: bytes) -> Iterator[list[str]]:
    """Yield the rows of a table; one that cannot be parted ends it."""
    table = content.decode("utf-8-sig", errors="replace").replace("\0", "")
    first = table.partition("\n")[0]
    parted_by = max("\t;,", key=first.count)
    csv.field_size_limit(_CELL_MAX)
    rows = csv.reader(io.StringIO(table, newline=""), delimiter=parted_by)
    while True:
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error:
            yield ["\x1a"]  # a row that is none, so that it is counted as one


def _kind_of(names: set[str]) -> str | None:
    if names & set(_ALIASES["input"]):
        return "usage"
    return "costs" if names & set(_ALIASES["amount"]) else None


def _cell(row: _Row, name: str) -> str | None:
    return next((text(row[alias]) for alias in _ALIASES[name] if row.get(alias, "").strip()), None)


class _Bucket(NamedTuple):
    """Start and end of what a row sums up, UTC microseconds."""

    start_us: int
    end_us: int


def _bucket(row: _Row) -> _Bucket:
    """Return the bucket of a row: a day where it names no end."""
    start_us = instant_us(_cell(row, "start"))
    if start_us is None:
        raise BadLine("a row without the time it is about")
    end_us = instant_us(_cell(row, "end"))
    return _Bucket(start_us, end_us if end_us is not None and end_us > start_us else start_us + DAY)


def _usage(row: _Row, start_us: int, named: tuple[str, int], billing: Billing) -> Iterator[Draft]:
    """Yield the parts of a bucket; `named` is its name and how many rows had it so far: exports repeat names."""
    if _cell(row, "input") is None and _cell(row, "output") is None:
        return  # a bucket without any request
    fresh, output, cached = (decimal_of(_cell(row, name) or "0") for name in ("input", "output", "cached"))
    if fresh is None or output is None or cached is None or min(fresh, output, cached) < 0:
        raise BadLine("a row without believable counts")
    if max(fresh, output) > PART_TOKENS * 10**9 or any(number != int(number) for number in (fresh, output, cached)):
        raise BadLine("a row without believable counts")
    prompt, written, read = int(fresh), int(output), min(int(cached), int(fresh))
    requests = max(count_text(_cell(row, "requests")) or 1, 1)
    parts = max(1, min(requests, -(-max(prompt, written) // PART_TOKENS)))
    model = _cell(row, "model") or "unknown"
    embedding = "embedding" in model
    for part in range(parts):
        shares = ReportedTokens(*(_share(total, parts, part) for total in (prompt, written, 0, read, 0)))
        yield Draft(
            call=Call(
                id=call_id(SOURCE, *named, part),
                requested_at_us=start_us,
                recorded_at_us=start_us,
                provider="openai",
                model=model,
                surface="embeddings" if embedding else "usage",
                request_kind="embedding" if embedding else "unknown",
                source=SOURCE,
                tokens=from_reported("openai", shares),
                usage_source="provider",
                service_tier=_tier(row),
                billing_basis=billing_basis(billing, IMPORTED),
            ),
            project=_project(row),
            priced=not any((decimal_of(row.get(name)) or 0) > 0 for name in _NOT_TEXT),
        )


def _cost(row: _Row, start_us: int, named: tuple[str, int], billing: Billing) -> Iterator[Draft]:
    amount = _cell(row, "amount")
    if amount is None:
        return  # a day without costs
    if (row.get("amount_currency") or "usd").strip().lower() != "usd":
        raise BadLine("an amount that is not in US dollars")
    cost = millicents(amount)
    if cost is None:
        raise BadLine("a row without a believable amount")
    item = text(row.get("line_item"))
    yield Draft(
        call=Call(
            id=call_id(SOURCE, *named),
            requested_at_us=start_us,
            recorded_at_us=start_us,
            provider="openai",
            model=(item or "all").partition(",")[0].strip() or "all",
            surface=COSTS,
            source=SOURCE,
            billing_basis=billing_basis(billing, IMPORTED),
            cost_millicents=cost,
            price_source="openai:costs",
        ),
        project=_project(row),
    )


def _share(total: int, parts: int, part: int) -> int:
    """Return the `part`th of `parts` shares of a total: they differ by one at most and add up to it."""
    return total * (part + 1) // parts - total * part // parts


def _names(row: _Row) -> list[str]:
    return [row.get(name, "").strip()[:255] for name in _NAMED_BY]


def _tier(row: _Row) -> str | None:
    if row.get("batch", "").strip().lower() in {"true", "1", "t", "yes"}:
        return "batch"
    return text(row.get("service_tier"), 64)


def _project(row: _Row) -> str | None:
    return text(row.get("project_name")) or text(row.get("project_id"))
