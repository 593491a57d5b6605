"""Whatever was called and decided: savings never exceed spend, and what was silenced never resurfaces."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.optimisation.decisions import CHECKS
from tests.dbt_project.analysis_sql import SONNET, TODAY, AnalysisSql, Row, decision, fact

MINUTE = timedelta(minutes=1)
HAIKU, OPUS = "claude-haiku-4-5", "claude-opus-4-5"

FACTS = st.lists(
    st.builds(
        lambda number, day, minute, hash_, status, project, model, tier, kind, tokens, thinking, unknown: fact(
            f"{number}", **unknown, at=TODAY - timedelta(days=day) + minute * MINUTE, prompt_hash=hash_, status=status,
            project=project, model=model, service_tier=tier if model == SONNET else "standard", request_kind=kind,
            tokens=tokens, thinking_tokens=min(thinking, tokens[4]),
        ),
        st.uuids(), st.integers(0, 65), st.sampled_from([0, 1, 2, 3, 4, 30, 600, 601, 602, 1300]),
        st.sampled_from(["one", "two", None, ""]), st.sampled_from(["success", "error", "blocked_by_policy"]),
        st.sampled_from(["atlas", "borealis"]), st.sampled_from([SONNET, HAIKU, OPUS]),
        st.sampled_from(["standard", "batch", "priority"]), st.sampled_from(["chat", "tool", None, "embedding"]),
        st.tuples(*[st.sampled_from([0, 10, 2000, 250_000])] * 4, st.sampled_from([0, 5, 700, 40_000])),
        st.integers(0, 40_000),
        # One in four has a rate that does not price all it used.
        st.sampled_from([{}, {}, {}, {"cost_priced_picousd": None}]),
    ),
    max_size=60,
)  # fmt: skip
DECISIONS = st.lists(
    st.builds(
        lambda number, kind, check, project, model, day: decision(
            kind, name=str(number), at=TODAY - timedelta(days=day), check_id=check, project=project, model=model,
            provider=model and "anthropic",
        ),
        st.uuids(), st.sampled_from(["accept", "dismiss", "suppress"]), st.sampled_from([*sorted(CHECKS), None]),
        st.sampled_from(["atlas", "borealis", None]), st.sampled_from([SONNET, HAIKU, None]), st.integers(0, 40),
    ),
    max_size=6,
)  # fmt: skip


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(facts=FACTS, decisions=DECISIONS)
def test_savings_never_exceed_spend_and_what_is_silenced_never_resurfaces(
    analysis_sql: AnalysisSql, facts: list[Row], decisions: list[Row]
):
    answers = analysis_sql.run(facts, decisions)
    for row in [*answers.ask("from int_findings"), *answers.ask("from mart_clusters")]:
        saved = row["saving_picousd"] if "saving_picousd" in row else row["estimated_saving_picousd"]
        assert 0 <= saved <= row["spend_picousd"]
        assert row["requests"] >= len(row["sample_request_ids"])
    spent: dict[Any, int] = {}
    for row in facts:
        if TODAY.date() - timedelta(days=30) < row["requested_on"]:
            key = row["project"], row["model"]
            spent[key] = spent.get(key, 0) + (row["cost_priced_picousd"] or 0)
    told = answers.findings()
    counted: dict[Any, int] = {}
    for row in told:
        assert 0 <= row["saving_30d_picousd"] <= row["spend_picousd"]
        key = row["project"], row["model"]
        counted[key] = counted.get(key, 0) + row["counted_saving_picousd"]
        for one in decisions:
            named_by_it = {name: one[name] for name in ("check_id", "project", "model") if one[name] is not None}
            assert one["kind"] == "accept" or any(row[name] != value for name, value in named_by_it.items())
    assert all(total <= spent.get(key, 0) for key, total in counted.items())
    everything = analysis_sql.run(facts).findings()
    assert {row["finding_id"] for row in told} <= {row["finding_id"] for row in everything}
