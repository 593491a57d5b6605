"""From landed files to published marts: Dagster definitions, dbt runner, rate book, publish, verify."""
