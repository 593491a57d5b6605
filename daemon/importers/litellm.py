"""LiteLLM's spend logs: what `/spend/logs` answers, or the table `LiteLLM_SpendLogs` as JSON, lines of JSON, or CSV.

Belongs here: what a row means. Does not belong here: asking a LiteLLM server.

`prompt_tokens` include what was read from and written to the cache; releases of 2024 left that out for Anthropic, which
shows where the parts are more than the whole. A spend of zero for tokens is LiteLLM not knowing the price, unless its
own cache answered; what that answers is no call to a provider.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from decimal import Decimal
from json import JSONDecodeError, loads
from typing import Any, Final

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.importers.draft import IMPORTED, BadLine, Billing, Draft, billing_basis
from daemon.importers.failures import failure_of
from daemon.importers.fields import call_id, count, count_text, fields_of, instant_us, millicents, text

SOURCE: Final = "import:litellm"
_PROVIDERS: Final = {"vertex_ai": "gemini", "vertex_ai_beta": "gemini", "text-completion-openai": "openai"}
_SURFACES: Final = {
    "completion": ("chat.completions", "chat"),
    "text_completion": ("completions", "chat"),
    "responses": ("responses", "chat"),
    "anthropic_messages": ("messages", "chat"),
    "generate_content": ("generateContent", "chat"),
    "embedding": ("embeddings", "embedding"),
}
_CELL_MAX: Final = 1 << 24

_Row = dict[str, Any]


def litellm_log(content: bytes, as_of_us: int, billing: Billing) -> Iterator[Draft | BadLine]:  # noqa: ARG001 - the interface of document readers
    """Yield the calls of a spend log, whichever of its forms it has."""
    for row in _rows(content):
        if isinstance(row, BadLine):
            yield row
            continue
        try:
            draft = _draft(row, billing)
        except BadLine as bad:
            yield bad
        else:
            if draft is not None:
                yield draft


def _rows(content: bytes) -> Iterator[_Row | BadLine]:
    table = content.decode("utf-8-sig", errors="replace").replace("\0", "")
    start = table.lstrip()[:1]
    if start not in {"[", "{"}:
        yield from _cells(table)
        return
    whole = _parsed(table)
    if whole is None:
        for line in filter(str.strip, table.split("\n")):
            row = _parsed(line)
            yield row if isinstance(row, dict) else BadLine("not a JSON object")
        return
    if isinstance(whole, dict) and "request_id" not in whole:
        whole = whole.get("data", [])
    for row in whole if isinstance(whole, list) else [whole]:
        yield row if isinstance(row, dict) else BadLine("not a JSON object")


def _cells(table: str) -> Iterator[_Row | BadLine]:
    csv.field_size_limit(_CELL_MAX)
    rows = csv.DictReader(io.StringIO(table, newline=""))
    try:
        for row in rows:
            yield {name: value for name, value in row.items() if isinstance(name, str)}
    except csv.Error:
        yield BadLine("a table that cannot be parted into cells")


def _parsed(written: str) -> Any:
    """Return JSON with its amounts exactly as written; None for what is no JSON."""
    try:
        return loads(written, parse_float=Decimal)
    except (JSONDecodeError, RecursionError, ValueError):
        return None


def _draft(row: _Row, billing: Billing) -> Draft | None:
    identity, start_us = text(row.get("request_id")), instant_us(row.get("startTime"))
    if identity is None or start_us is None:
        raise BadLine("a row without request_id or startTime")
    if str(row.get("cache_hit")).lower() == "true":
        return None
    provider, model = _model_of(row)
    metadata = _object(row.get("metadata"))
    tokens = _tokens_of(row, metadata)
    surface, kind = _SURFACES.get(str(row.get("call_type")).removeprefix("a"), ("unknown", "unknown"))
    if str(row.get("call_type")) == "anthropic_messages":
        surface, kind = _SURFACES["anthropic_messages"]
    cost = millicents(row.get("spend"))
    failed = str(metadata.get("status") or row.get("status") or "success").lower() == "failure"
    failure = failure_of(fields_of(metadata.get("error_information")).get("error_code")) if failed else None
    if not cost and (failed or any(_counts(tokens))):
        cost = None
    end_us = instant_us(row.get("endTime"))
    call = Call(
        id=call_id(SOURCE, identity),
        requested_at_us=start_us,
        recorded_at_us=start_us,
        provider=provider,
        model=model,
        surface=surface,
        request_kind=kind,
        source=SOURCE,
        tokens=tokens,
        usage_source="absent" if failed and not any(_counts(tokens)) else "provider",
        status="error" if failed else "success",
        http_status=failure.http_status if failure else None if failed else 200,
        error_class=failure.error_class if failure else None,
        provider_error_code=text(fields_of(metadata.get("error_information")).get("error_class")) if failed else None,
        retryable=failure.retryable if failure else None,
        latency_ms=max((end_us or start_us) - start_us, 0) / 1000,
        time_to_first_token_ms=_first_token_ms(row, start_us, end_us),
        provider_request_id=identity,
        billing_basis=billing_basis(billing, IMPORTED),
        cost_millicents=cost,
        price_source=None if cost is None else "litellm",
    )
    return Draft(call=call, project=_project(row, metadata))


def _model_of(row: _Row) -> tuple[str, str]:
    """Return provider and model: LiteLLM writes `provider/model` for some."""
    named, model = text(row.get("custom_llm_provider"), 64), text(row.get("model")) or "unknown"
    prefix, _, rest = model.partition("/")
    if rest and (named is None or named == prefix):
        named, model = named or prefix[:64], rest
    return _PROVIDERS.get(named or "", named or "unknown"), model


def _tokens_of(row: _Row, metadata: _Row) -> Tokens:
    usage = fields_of(metadata.get("additional_usage_values")) | fields_of(metadata.get("usage_object"))
    detail, spoken = (fields_of(usage.get(f"{side}_tokens_details")) for side in ("prompt", "completion"))
    prompt, output = _counted(row.get("prompt_tokens")), _counted(row.get("completion_tokens"))
    if prompt is None or output is None:
        raise BadLine("a row without believable counts")
    read = count(usage.get("cache_read_input_tokens")) or count(detail.get("cached_tokens")) or 0
    written = count(usage.get("cache_creation_input_tokens")) or count(detail.get("cache_creation_tokens")) or 0
    ages = fields_of(detail.get("cache_creation_token_details"))
    long = min(count(ages.get("ephemeral_1h_input_tokens")) or 0, written)
    apart = read + written > prompt
    return Tokens(
        uncached_input=prompt if apart else prompt - read - written,
        cache_read=read,
        cache_write_5m=written - long,
        cache_write_1h=long,
        output=output,
        thinking=min(count(spoken.get("reasoning_tokens")) or 0, output),
    )


def _counted(value: Any) -> int | None:
    return count_text(value) if isinstance(value, str) else count(value)


def _counts(tokens: Tokens) -> tuple[int, int]:
    return (tokens.total_input, tokens.output)


def _object(value: Any) -> _Row:
    """Return an object, which some exports write as JSON text."""
    return fields_of(_parsed(value) if isinstance(value, str) else value)


def _first_token_ms(row: _Row, start_us: int, end_us: int | None) -> int | None:
    first_us = instant_us(row.get("completionStartTime"))
    if first_us is None or first_us == end_us or first_us < start_us:
        return None  # LiteLLM writes the end where the answer was no stream
    return (first_us - start_us) // 1000


def _project(row: _Row, metadata: _Row) -> str | None:
    names = (
        metadata.get("user_api_key_project_alias"),
        metadata.get("user_api_key_team_alias"),
        row.get("team_id"),
        metadata.get("user_api_key_alias"),
    )
    return next(itertools.chain(filter(None, map(text, names)), [None]))
