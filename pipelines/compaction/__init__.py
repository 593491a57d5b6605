"""Compaction: many small landed files become few large ones, and what is no longer needed is deleted.

Belongs here: choosing what to merge, merging it without losing or doubling a row, recording that in one ledger
transaction, and deleting replaced bytes once nobody can need them. Does not belong here: what is acknowledged and how
(`api.ingest`), and which days are past retention (`pipelines.retention`).

A landed file's ledger row never changes, except for saying where its rows are. Each row of a compacted file carries the
landing file and the row in it that it came from, so that a full build, a trace and a verification find what they found
before. The order of events is: inputs' digests, temporary file, fsync, rename, fsync of the folder, the new file read
back and compared with the ledger, ONE ledger transaction; replaced bytes go ten minutes later at the earliest, never
while a backup or a verification needs them. Killed anywhere, nothing is lost or doubled, and leftovers are swept.

Memory: one row group of each file being read (32,768 rows of a compacted file, a landing file is one group of at most
200,000 rows) and one being written, and a few hundred bytes for each of at most 5,000 landing files of a merge. As
files of a day seldom overlap in time, one or two are being read at once: about 400 MB at the largest.

Others wait half a second for the refresh lock, and less for SQLite's write lock: no transaction moves more than 5,000
landing files, and between two points where the lock may change hands one file is read, 20 are deleted, or one row
group is written.
"""

from pipelines.compaction.run import CompactionResult, compact

__all__ = ["CompactionResult", "compact"]
