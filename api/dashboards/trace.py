"""One request and where each of its numbers comes from.

Belongs here: the trace of a request, withheld or not. Does not belong here: lists of requests (`requests`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from api.dashboards.control import LandedFile, device_name, devices, landed_file
from api.dashboards.models.answer import TokenKinds
from api.dashboards.models.trace import (
    BatchShown,
    Conflict,
    FileShown,
    FormulaTerm,
    PriceShown,
    RateShown,
    Sighting,
    TraceAnswer,
    TraceDevice,
    TracedRequest,
    WithheldShown,
)
from api.dashboards.money import known_usd_from_picousd
from api.dashboards.queries import provenance
from api.dashboards.queries import requests as request_queries
from api.dashboards.rate_lookup import RATE_COLUMN_OF_KIND, find_rate
from api.dashboards.requests import shown_fields
from api.dashboards.shown import build_fields, name_order
from api.dashboards.view import View, shown_instant
from api.db.models import Device
from api.errors import Refused, not_found
from pipelines.lake.clock import from_micros, iso_utc
from pipelines.lake.paths import Home

TOKEN_COLUMN_OF_KIND = {
    "uncached_input": "uncached_input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "output": "billable_output_tokens",
}


def trace(view: View, home: Home, request_id: str) -> TraceAnswer:
    """Return a request with its provenance.

    Raises:
        Refused: 404 `request_not_found`, whether it is absent, not built yet, no id at all, or somebody else's.
    """
    key = _key(request_id)
    row = request_queries.one(view.marts, view.workspace_id, key)
    if row is None:
        raise _not_found()
    known = {device.id: device for device in devices(view.engine, view.workspace_id)}
    reason = row["withheld_reason"]
    return TraceAnswer(
        **build_fields(view),
        request=_request(view, row, known),
        withheld=None if reason is None else WithheldShown(reason=reason),
        price=_price(view, home, row),
        batch=_batch(view, row),
        file=_file(view, home, row, key),
        device=_device(known.get(str(row["device_id"]))),
        also_seen_from=sorted(
            (
                Sighting(device_id=device, name=device_name(known[device]) if device in known else None)
                for device in provenance.other_devices(view.marts, view.workspace_id, key)
            ),
            key=lambda sighting: name_order(sighting.name, sighting.device_id),
        ),
        conflicts=[_conflict(found) for found in provenance.conflicts(view.marts, view.workspace_id, key)],
    )


def formula_text(terms: Sequence[FormulaTerm]) -> str | None:
    """Return a formula as one line; None unless every term has a price."""
    used = [term for term in terms if term.tokens]
    if not used or any(term.picousd is None for term in used):
        return None
    summed = sum(term.picousd or 0 for term in used)
    return f"{' + '.join(f'{term.tokens} x {term.picousd_per_token}' for term in used)} = {summed} picousd"


def _key(request_id: str) -> uuid.UUID:
    try:
        key = uuid.UUID(request_id)
    except ValueError:
        raise _not_found() from None
    # UUID() also takes braces, urn: and misplaced dashes.
    if request_id.lower() not in {str(key), key.hex}:
        raise _not_found()
    return key


def _not_found() -> Refused:
    return not_found("request_not_found", "No such request.")


def _request(view: View, row: Mapping[str, Any], known: Mapping[str, Device]) -> TracedRequest:
    names = {device_id: device_name(device) for device_id, device in known.items()}
    return TracedRequest(
        **shown_fields(view, request_queries.row_of(row), names),
        project_as_logged=row["project_as_logged"],
        recorded_at=shown_instant(row["recorded_at"]),
        fx_rate=row["fx_rate"],
        source_workdir=row["source_workdir"],
        source_machine=row["source_machine"],
        provider_error_code=row["provider_error_code"],
        retryable=row["retryable"],
        billing_basis=row["billing_basis"],
        extra_json=row["extra_json"],
        tokens=TokenKinds(**{kind: row[column] for kind, column in TOKEN_COLUMN_OF_KIND.items()}),
        token_kinds_inconsistent=row["token_kinds_inconsistent"],
    )


def _price(view: View, home: Home, row: Mapping[str, Any]) -> PriceShown:
    rate_id, priced = row["rate_id"], row["cost_priced_picousd"]
    rate = None if rate_id is None else find_rate(home, rate_id)
    terms = [] if rate is None else [_term(kind, row, rate) for kind in TOKEN_COLUMN_OF_KIND]
    text = formula_text(terms)
    return PriceShown(
        cost_logged_millicents=row["cost_logged_millicents"],
        cost_priced_picousd=priced,
        cost_priced_usd=known_usd_from_picousd(priced),
        rate_id=rate_id,
        rate_book_version=provenance.rate_book_version(view.marts),
        rate=None if rate is None else _rate(rate),
        formula=terms,
        formula_text=text if priced is not None else None,
    )


def _term(kind: str, row: Mapping[str, Any], rate: Mapping[str, Any]) -> FormulaTerm:
    tokens: int = row[TOKEN_COLUMN_OF_KIND[kind]]
    per_token: int | None = rate[RATE_COLUMN_OF_KIND[kind]]
    amount = 0 if tokens == 0 else None if per_token is None else tokens * per_token
    return FormulaTerm(token_kind=kind, tokens=tokens, picousd_per_token=per_token, picousd=amount)


def _rate(rate: Mapping[str, Any]) -> RateShown:
    return RateShown(
        rate_id=rate["rate_id"],
        provider=rate["provider"],
        model_ref=rate["model_ref"],
        service_tier=rate["service_tier"],
        context_over_tokens=rate["context_over_tokens"],
        valid_from=shown_instant(rate["valid_from"]),
        valid_to=shown_instant(rate["valid_to"]),
        known_from=shown_instant(rate["known_from"]),
        source=rate["source"],
        negotiated=rate["workspace_id"] is not None,
    )


def _batch(view: View, row: Mapping[str, Any]) -> BatchShown | None:
    found = provenance.batch(view.marts, view.workspace_id, row["batch_key"])
    if found is None:
        return None
    return BatchShown(
        batch_id=found["batch_id"],
        batch_key=str(found["batch_key"]),
        position=row["row_index"],
        received_at=shown_instant(found["received_at"]),
        received=found["received_count"],
        landed=found["landed_count"],
        duplicate=found["duplicate_count"],
        quarantined=found["quarantined_count"],
    )


def _file(view: View, home: Home, row: Mapping[str, Any], key: uuid.UUID) -> FileShown | None:
    found: LandedFile | None = landed_file(view.engine, view.workspace_id, row["file_seq"])
    if found is None:
        return None
    number: int = row["file_row_number"]
    moved_us = found.compacted_at_us
    place = provenance.Place(
        path=home.landing / found.stored_path,
        file_seq=row["file_seq"] if moved_us is not None else None,
        row_number=number,
    )
    return FileShown(
        file_seq=row["file_seq"],
        path=found.relative_path,
        sha256=found.sha256,
        row_number=number,
        row_count=found.row_count,
        committed_at=iso_utc(from_micros(found.committed_at_us)),
        stored_path=found.stored_path,
        stored_sha256=found.stored_sha256,
        compacted_at=None if moved_us is None else iso_utc(from_micros(moved_us)),
        row_found=provenance.row_found(view.marts, place, view.workspace_id, key),
    )


def _device(device: Device | None) -> TraceDevice | None:
    if device is None:
        return None
    revoked_at_us = device.revoked_at_us
    return TraceDevice(
        device_id=device.id,
        name=device_name(device),
        hostname=device.hostname,
        platform=device.platform,
        daemon_version=device.daemon_version,
        paired_at=iso_utc(from_micros(device.paired_at_us)),
        revoked_at=None if revoked_at_us is None else iso_utc(from_micros(revoked_at_us)),
    )


def _conflict(found: Mapping[str, Any]) -> Conflict:
    return Conflict(
        batch_key=str(found["batch_key"]),
        position=found["row_index"],
        device_id=str(found["device_id"]),
        differing_fields=found["differing_fields"],
    )
