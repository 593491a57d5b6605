"""Published marts going out on a schedule: Parquet in a folder, an S3 or a GCS bucket, for one workspace at a time.

Belongs here: what goes out (`tables`, `focus`), where to (`settings`, `targets`), one export (`run`) and the daily loop
(`loop`). Does not belong here: the ZIP of everything a workspace holds (`api.exporting`), and commands (`api.cli`).
"""
