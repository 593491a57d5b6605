"""Proof that published totals are what the landed files say, by a way that shares nothing with the dbt models.

Belongs here: recomputing from landing with polars and plain Python, and comparing with ledger and marts. Does not
belong here: building or repairing anything; a difference is reported, never mended.
"""

from pipelines.verify.report import VerifyReport
from pipelines.verify.run import verify

__all__ = ["VerifyReport", "verify"]
