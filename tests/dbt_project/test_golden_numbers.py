"""Numbers worked out by hand, from landing file to mart."""

from datetime import UTC, datetime

from tests.dbt_project.lake_builder import Lake, named_uuid
from tests.dbt_project.warehouse import Warehouse


def test_unit_tests_of_the_project_pass(lake: Lake, warehouse: Warehouse):
    lake.land(lake.row())
    warehouse.build()
    result = warehouse.run("test", "--select", "test_type:unit")
    assert result.success, [r.message for r in result.result.results]
    assert len(result.result.results) >= 6
