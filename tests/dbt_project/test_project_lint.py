"""House rules of the dbt project, checked on its manifest."""

from __future__ import annotations

import csv
import re

import pyarrow as pa
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import ModelNode, SourceDefinition

from pipelines.calendar import LOCAL_DAYS_SCHEMA
from pipelines.lake.pricing import CONVENTIONS, OTHER_PROVIDERS, TokenConvention
from pipelines.lake.rate_book_file import RATE_BOOK_SCHEMA
from pipelines.lake.schema import INSTANT, LANDING_SCHEMA, ORIGIN_COLUMNS, UUID
from pipelines.rates.export import MODEL_ALIASES_SCHEMA
from tests.dbt_project.lake_builder import EXPORTS
from tests.dbt_project.warehouse import PROJECT

SQL_TYPES = {
    UUID: "uuid",
    INSTANT: "timestamptz",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.string(): "varchar",
    pa.date32(): "date",
}
# What a layer may build on; a seed counts as staging.
MAY_READ = {
    "staging": {"source", "staging"},
    "intermediate": {"staging", "intermediate"},
    "marts": {"staging", "intermediate", "marts"},
    "analysis": {"source", "analysis"},
}
ANALYSED = ("published", "finance")


def models(manifest: Manifest) -> list[ModelNode]:
    return [node for node in manifest.nodes.values() if isinstance(node, ModelNode)]


def layer(manifest: Manifest, unique_id: str) -> str:
    if unique_id.startswith("source."):
        return "source"
    if unique_id.startswith("seed."):
        return "analysis" if "analysis" in manifest.nodes[unique_id].tags else "staging"
    return manifest.nodes[unique_id].fqn[1]


def sources(manifest: Manifest, model: ModelNode) -> set[str]:
    return {manifest.sources[one].source_name for one in model.depends_on_nodes if one in manifest.sources}


def columns(manifest: Manifest, source: str, table: str) -> dict[str, str]:
    node = manifest.sources[f"source.halton.{source}.{table}"]
    assert isinstance(node, SourceDefinition)
    return {column.name: str(column.data_type) for column in node.columns.values()}


def test_every_model_has_an_enforced_contract_with_described_columns(manifest: Manifest):
    for model in models(manifest):
        assert model.config.contract.enforced, model.name
        assert model.columns, model.name
        bare = [c.name for c in model.columns.values() if not c.data_type or len(c.description.strip()) < 5]
        assert not bare, (model.name, bare)


def test_every_description_ends_with_the_grain(manifest: Manifest):
    for model in models(manifest):
        assert re.search(r"One row per [^.]+\.$", model.description.strip()), model.name


def test_every_model_and_seed_has_tests(manifest: Manifest):
    """A view with rows only while a build runs is tested by what is written from it."""
    nodes = list(manifest.nodes.values())
    tested = {parent for node in nodes if node.unique_id.startswith("test.") for parent in node.depends_on_nodes}
    buildable = {node.unique_id for node in nodes if node.unique_id.startswith(("model.", "seed."))}
    passing = {node.unique_id for node in models(manifest) if node.config.materialized == "view"} - tested
    written = {parent for node in models(manifest) if node.unique_id in tested for parent in node.depends_on_nodes}
    assert buildable - passing <= tested
    chain = ("stg_requests", "int_requests_attributed", "int_requests_token_kinds")
    assert passing == {f"model.halton.{name}" for name in chain}
    assert "model.halton.int_requests_token_kinds" in written


def test_pricing_repeats_conventions_and_days_have_unit_tests(manifest: Manifest):
    assert {test.model for test in manifest.unit_tests.values()} >= {
        "stg_requests",
        "stg_request_repeats",
        "int_requests_token_kinds",
        "int_requests_priced",
        "int_model_rates",
        "mart_spend_daily",
    }


def test_layers_only_build_on_those_below(manifest: Manifest):
    for model in models(manifest):
        read = {layer(manifest, parent) for parent in model.depends_on_nodes}
        assert read <= MAY_READ[layer(manifest, model.unique_id)], model.name


def test_the_analysis_reads_what_is_published_and_nothing_else_reads_that(manifest: Manifest):
    """It has a database of its own, where the models of the refresh are not, and is never part of a refresh."""
    for model in models(manifest):
        of_analysis = layer(manifest, model.unique_id) == "analysis"
        assert ("analysis" in model.tags) == of_analysis, model.name
        for source in sources(manifest, model):
            assert (source in ANALYSED) == of_analysis, (model.name, source)
    for test in manifest.nodes.values():
        if test.unique_id.startswith("test."):
            stages = {layer(manifest, one) == "analysis" for one in test.depends_on_nodes if one in manifest.nodes}
            assert len(stages) == 1, test.name


def test_every_table_of_the_analysis_is_a_workspaces(manifest: Manifest):
    for model in models(manifest):
        if layer(manifest, model.unique_id) == "analysis" and model.config.materialized == "table":
            assert next(iter(model.columns)) == "workspace_id", model.name


def test_models_live_in_the_layer_their_name_says(manifest: Manifest):
    prefixes = {"staging": ("stg_",), "intermediate": ("int_",), "marts": ("dim_", "fct_", "mart_")}
    prefixes["analysis"] = ("int_", "mart_")
    for model in models(manifest):
        assert model.name.startswith(prefixes[layer(manifest, model.unique_id)]), model.name
        assert model.schema == "main"


def test_the_landing_source_is_the_landing_schema(manifest: Manifest):
    expected = {field.name: SQL_TYPES[field.type] for field in LANDING_SCHEMA}
    assert columns(manifest, "landing", "requests") == expected
    assert list(columns(manifest, "landing", "requests")) == LANDING_SCHEMA.names


def test_the_export_sources_are_what_is_exported(manifest: Manifest):
    schemas = EXPORTS | {
        "rate_book": RATE_BOOK_SCHEMA,
        "model_aliases": MODEL_ALIASES_SCHEMA,
        "local_days": LOCAL_DAYS_SCHEMA,
    }
    for name, schema in schemas.items():
        assert columns(manifest, "exports", name) == {field.name: SQL_TYPES[field.type] for field in schema}, name


def test_staged_requests_hold_every_landed_column(manifest: Manifest):
    staged = manifest.nodes["model.halton.stg_requests"].columns
    wanted = [name for name in LANDING_SCHEMA.names if name not in ORIGIN_COLUMNS]
    assert [name for name in staged if name in LANDING_SCHEMA.names] == wanted


def test_sql_and_python_agree_on_token_conventions():
    with (PROJECT / "seeds" / "provider_token_conventions.csv").open() as lines:
        rows = {row.pop("provider"): row for row in csv.DictReader(lines)}
    seeded = {p: TokenConvention(**{k: v == "true" for k, v in row.items()}) for p, row in rows.items()}
    assert seeded.pop("*") == OTHER_PROVIDERS
    assert seeded == CONVENTIONS


def test_marts_are_documented_in_the_readme(manifest: Manifest):
    readme = (PROJECT / "README.md").read_text()
    missing = [m.name for m in models(manifest) if m.name not in readme and not m.name.startswith(("stg_", "int_"))]
    assert not missing
