"""Purging: no byte of a deleted workspace is left.

Belongs here: the order of steps and their resumption (`run`), rows of the app database (`rows`), people who belong
nowhere else (`people`), e-mails that lie in the home (`mail`). Does not belong here: files of landing and marts
(`pipelines.purge`), asking for a deletion (`api.workspaces.deletion`). Nothing that serves calls imports this.
"""

from __future__ import annotations

from api.purge.run import PurgeResult, begin_purge, purge_due, purge_workspace

__all__ = ["PurgeResult", "begin_purge", "purge_due", "purge_workspace"]
