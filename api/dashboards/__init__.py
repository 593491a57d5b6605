"""Dashboards as JSON and CSV, read from the published marts.

Belongs here: the filter rail, the periods it names, the queries, the views and their serving. Does not belong here:
building marts (`dbt_project`, `pipelines`), opening snapshots (`pipelines.lake.catalog`), keys and roles (`api.auth`).
"""
