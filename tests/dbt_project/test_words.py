"""Text columns that are written by way of enumerations come out as the text that landed."""

from __future__ import annotations

from typing import Any

from dbt.contracts.graph.manifest import Manifest

from tests.dbt_project.lake_builder import Lake
from tests.dbt_project.warehouse import Warehouse, differences, failures

WORDS = [
    "", "a", "A", "a ", "it's", 'say "so"', "\u00e9", "e\u0301", "\U0001f980", "null", None, "line\nbreak", "x" * 300,
]  # fmt: skip
COLUMNS = [
    "project", "provider", "model", "status", "request_kind", "attribution_method", "source_machine", "error_class",
    "billing_basis",
]  # fmt: skip
FACTS = "select * from int_requests_priced order by all"


def odd_rows(lake: Lake) -> list[dict[str, Any]]:
    """Rows with every word in every column that may hold it, and calls that are priced, by tier too."""
    required = {"provider", "model", "status"}
    rows = [
        lake.row("acme", "laptop", request=f"{column} {number}", **{column: word})
        for column in COLUMNS
        for number, word in enumerate(WORDS)
        if word is not None or column not in required
    ]
    tiers = [None, '{"service_tier": "batch"}', '{"service_tier": "unheard of"}']
    rows += [
        lake.row("other", request=f"tier {tier}", provider="openai", model="gpt-5", extra_json=tier) for tier in tiers
    ]
    return rows


def test_facts_are_the_same_with_enumerations_as_without(lake: Lake, manifest: Manifest):
    plain = Warehouse(lake, manifest, "plain", variables={"rows_worth_words": 1_000_000})
    few, many = (
        Warehouse(lake, manifest, f"at_most_{most}", variables={"rows_worth_words": 1, "most_words": most})
        for most in (8, 4096)
    )
    rows = odd_rows(lake)
    lake.land(*rows[::2])
    for warehouse in (plain, few, many):
        warehouse.build(full=True, tested=False)
    lake.land(*rows[1::2])
    for warehouse in (plain, few, many):
        warehouse.build(tested=False)
    assert len(plain.query(FACTS)) == len(rows)
    for worded in (few, many):
        assert worded.query(FACTS) == plain.query(FACTS)
        assert worded.query("describe int_requests_priced") == plain.query("describe int_requests_priced")
        assert differences(plain, worded) == {}


def test_files_without_any_request_are_written_by_way_of_enumerations_too(lake: Lake, manifest: Manifest):
    warehouse = Warehouse(lake, manifest, variables={"rows_worth_words": 0})
    lake.write_exports()
    result = warehouse.run(
        "build", "--exclude-resource-type", "unit_test", "--exclude", "tag:analysis", "--full-refresh"
    )
    assert result.success, failures(result)
    assert warehouse.query(FACTS) == []
