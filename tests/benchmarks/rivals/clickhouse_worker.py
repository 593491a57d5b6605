"""Embedded ClickHouse behind a pipe: one JSON object per line in, one out. Runs in an environment of its own.

Belongs here: running statements and timing them. Does not belong here: any statement (`clickhouse`). Nothing of the
product is imported, because its environment does not have this database.
"""

import json
import resource
import sys
from importlib import import_module
from time import perf_counter
from typing import Any


def main() -> None:
    """Answer until the input ends; the first argument is the folder of the data."""
    session: Any = import_module("chdb.session").Session(sys.argv[1])  # found in that environment only
    answers = sys.stdout
    answers.write(json.dumps({"version": str(session.query("select version()", "TSV")).strip()}) + "\n")
    answers.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        started = perf_counter()
        try:
            found = session.query(asked["sql"], "JSONCompactEachRow")
            seconds = perf_counter() - started
            rows = [json.loads(row) for row in str(found).splitlines() if row] if found is not None else []
            answer: dict[str, Any] = {"seconds": seconds, "rows": rows}
        except Exception as fault:  # noqa: BLE001 - the caller raises it
            answer = {"fault": str(fault)}
        answer["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
