"""A workspace with something to save, every figure worked out by hand, beside the others of a small home.

Belongs here: its calls and decisions. Does not belong here: what is expected of them (the tests say so).

Prices in USD per million tokens: claude-sonnet-4-6 3 in and 15 out, half of that in batches; claude-sonnet-5-5 2 in
and 10 out; claude-haiku-4-5 1 and 5.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from api.audit import OPERATOR
from api.db.models import ApiKey
from api.db.session import transaction
from api.optimisation.decisions import About, DecisionKind, decide
from api.tokens import secret_digest
from tests.pipelines.lake_builder import Lake, call, named_id

FRUGAL: Final = named_id("workspace frugal")
LAPTOP: Final = named_id(f"device {FRUGAL} laptop")
FRUGAL_KEY: Final = "hm_api_FrugalFrugalFrugalFrugalFrugal2hdFym"
"""The same in every process: workers share the home that knows it."""
PROJECTS: Final = ("summariser", "nightly", "faq", "measured", "forgotten")
DECIDED: Final = datetime(2026, 11, 9, 12, tzinfo=UTC)


def add_frugal(lake: Lake) -> None:
    """Add the workspace with everything it has; the build and the analysis are left to the caller."""
    lake.workspace("frugal")
    lake.device(FRUGAL, "laptop")
    for slug in PROJECTS:
        lake.project(FRUGAL, slug)
    lake.land(FRUGAL, LAPTOP, frugal_calls())
    with transaction(lake.engine) as session:
        session.add(
            ApiKey(
                id=named_id("key frugal"), workspace_id=FRUGAL, name="t", key_sha256=secret_digest(FRUGAL_KEY),
                scope="read", created_at_us=0,
            )
        )  # fmt: skip
        decide(
            session,
            FRUGAL,
            DecisionKind.ACCEPT,
            About(
                check_id="model_swap",
                project="measured",
                provider="anthropic",
                model="claude-sonnet-4-6",
                other_model="claude-haiku-4-5",
                finding_id="5" * 64,
                quoted_saving_picousd=700_000_000_000,
            ),
            actor=OPERATOR,
            at=DECIDED,
        )


def frugal_calls() -> list[dict[str, Any]]:
    """Return all its calls."""
    day, minute = datetime(2026, 11, 19, tzinfo=UTC), timedelta(minutes=1)
    rows = [made(f"forgotten {n}", "forgotten", datetime(2026, 10, 1, tzinfo=UTC), (10, 10)) for n in range(2)]
    # Thursday from ten: small calls that a smaller model could take.
    rows += [made(f"small {n}", "summariser", day + 600 * minute + n * minute, (6000, 300)) for n in range(100)]
    # Thursday from two in the night: long answers, nobody waits.
    rows += [made(f"night {n}", "nightly", day + 120 * minute + n * minute, (5000, 2500)) for n in range(100)]
    # Thursday from ten, every ten minutes: the same question over and over.
    rows += [
        made(f"faq {n}", "faq", day + 600 * minute + 10 * n * minute, (100_000, 1000), prompt_hash="f" * 64)
        for n in range(30)
    ]
    for number in range(10):
        before, after = DECIDED - timedelta(days=10 - number), DECIDED + timedelta(days=1 + number)
        for n in range(20):
            rows.append(made(f"before {number} {n}", "measured", before, (1000, 100)))
            rows.append(made(f"after {number} {n}", "measured", after, (1000, 100), model="claude-haiku-4-5"))
    return rows


def made(name: str, project: str, at: datetime, tokens: tuple[int, int], **changes: Any) -> dict[str, Any]:
    """Return a call of so many tokens in and out, as it landed."""
    given = {"model": "claude-sonnet-4-6", "prompt_hash": f"hash of {name}", **changes}
    return call(
        f"frugal {name}", project=project, requested_at=at, recorded_at=at, input_tokens=tokens[0],
        output_tokens=tokens[1], cached_tokens=0, cost_logged_millicents=1, request_kind="chat", **given,
    )  # fmt: skip
