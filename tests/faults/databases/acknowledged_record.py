"""What clients were told, held against the record, exactly: nothing lost, nothing twice, every account right.

Belongs here: reading landed files, quarantine and ledger, and the comparison. Does not belong here: clients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow.parquet as pq
from sqlalchemy import Engine, select

from api.cli.verify import verify_audit_chains
from pipelines.lake.ledger import quarantined_rows
from pipelines.lake.paths import Home
from pipelines.verify.ledger_checks import check_batches, check_files, read_ledger
from pipelines.verify.report import VerifyReport
from tests.faults.databases.honest_client import HonestClient


def hold_to_account(home: Home, engine: Engine, clients: Sequence[HonestClient]) -> None:
    """Compare the final record with everything the clients sent; each had its last batch acknowledged."""
    good = set().union(*(client.good for client in clients))
    bad = set().union(*(client.bad for client in clients))
    assert set().union(*(client.acknowledged for client in clients)) == good | bad
    ledger = read_ledger(engine)
    landed: Counter[str] = Counter()
    for row in ledger.files:
        ids = pq.read_table(home.landing / row["relative_path"], columns=["request_id"])["request_id"].to_pylist()
        landed.update(str(one) for one in ids)
    assert good - landed.keys() == set(), "lost"
    assert [one for one, count in landed.items() if count > 1] == [], "twice"
    assert landed.keys() == good
    with engine.connect() as connection:
        set_aside = Counter(connection.execute(select(quarantined_rows.c.request_id)).scalars())
    assert set_aside == Counter(bad)
    accounts = {
        name: sum(batch[name] for batch in ledger.batches)
        for name in ("received_count", "landed_count", "duplicate_count", "quarantined_count")
    }
    assert accounts["landed_count"] == len(good)
    assert accounts["quarantined_count"] == len(bad)
    assert accounts["received_count"] == sum(accounts.values()) - accounts["received_count"]
    report = VerifyReport()
    check_files(home, ledger, report)
    check_batches(ledger, report)
    assert report.differences + verify_audit_chains(engine)[1] == []
