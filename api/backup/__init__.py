"""Backups of a whole installation, restoring them, and proving that they can be restored.

Belongs here: what is taken into a backup, its format, and the way back. Does not belong here: command lines
(`api.cli.backup`, `api.cli.restore`), building marts (`pipelines`), which a backup leaves out because they are derived.

    folder.py    where things lie in a backup folder     contents.py  what the record is: files, totals, heads
    manifest.py  what a backup says of itself            tables.py    app database tables as Parquet
    take.py      taking one                              store.py     copies of files, by digest
    restore.py   the way back                            drill.py     the way back, tried and compared
"""
