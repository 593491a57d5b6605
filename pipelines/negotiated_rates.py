"""The workspaces' own prices, from the app database into the rate book.

Belongs here: reading the rates in force. Does not belong here: entering them (the control plane), laying them over
everyone's prices (`dbt_project`, model `int_model_rates`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from pipelines.lake.clock import from_micros
from pipelines.lake.rate_book import UNTIL_FURTHER_NOTICE, Rate, TokenRates

SOURCE: Final = "negotiated"
_SQL: Final = """
select
    workspace_id, provider, model_ref, service_tier, context_over_tokens, valid_from_us, valid_to_us, known_from_us,
    uncached_input_picousd_per_token, cache_read_picousd_per_token, cache_write_5m_picousd_per_token,
    cache_write_1h_picousd_per_token, output_picousd_per_token
from rate_overrides
where withdrawn_at_us is null
order by id
"""


def read_negotiated_rates(connection: Connection) -> tuple[Rate, ...]:
    """Read every negotiated rate that is neither superseded nor withdrawn, in a fixed order.

    Args:
        connection: the app database, in the caller's transaction.
    """
    return tuple(
        Rate(
            provider=provider,
            model_ref=model_ref,
            service_tier=tier,
            context_over_tokens=over,
            valid_from=from_micros(valid_from),
            valid_to=UNTIL_FURTHER_NOTICE if valid_to is None else from_micros(valid_to),
            rates=TokenRates(*prices),
            source=SOURCE,
            known_from=from_micros(known_from),
            workspace_id=workspace_id,
        )
        for workspace_id, provider, model_ref, tier, over, valid_from, valid_to, known_from, *prices in (
            connection.execute(text(_SQL))
        )
    )
