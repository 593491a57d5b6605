"""The asset graph: thin Dagster shells over the steps of `pipelines.build`.

Belongs here: asset keys, lineage, checks, jobs, schedules and sensors. Does not belong here: any work; each asset calls
one step and reports what it did.
"""
