"""The second stage of the warehouse: analyses of what is published, built beside the refresh and never in its way.

Belongs here: what goes in (`inputs`, `exports`, `sources`), one build (`build`), its file and pointer (`publish`), the
one function to call (`run`) and the long-lived loop (`loop`). Does not belong here: SQL of models (`dbt_project`), and
reading (`pipelines.lake.analysis_catalog`).
"""
