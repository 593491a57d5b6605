"""Google's export as files: each row once, however it was written out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipelines.billing.amounts import picousd
from pipelines.billing.bills import BilledPeriod
from pipelines.billing.gemini_export import NOT_YET, read
from pipelines.billing.http import BillingError
from pipelines.lake.bills import ConnectionKind
from tests.billing_fakes.gemini import MODELS, WORDS, export_rows, write_csv, write_parquet
from tests.billing_fakes.ledger import Ledger, seeded
from tests.conftest import on_sqlite
from tests.pipelines.billing.conftest import FIRST, LAST, Bills

DAYS = (LAST - FIRST).days + 1
Write = Callable[[Path, list[dict[str, Any]]], None]
both_forms = pytest.mark.parametrize(
    ("write", "name"), [(write_parquet, "a.parquet"), (write_csv, "a.csv")], ids=["parquet", "csv"]
)


@pytest.fixture
def ledger() -> Ledger:
    return seeded(FIRST, DAYS, models=MODELS, kinds=tuple(WORDS), tiers=(None, "batch"))


def total(periods: list[BilledPeriod]) -> int:
    return sum(picousd(line.amount) for period in periods for line in period.lines)


def expected(ledger: Ledger) -> int:
    return picousd(ledger.list_amount(FIRST, LAST))


@both_forms
def test_every_row_counts_once_to_the_picodollar(tmp_path: Path, ledger: Ledger, write: Write, name: str) -> None:
    write(tmp_path / name, export_rows(ledger, FIRST, LAST))
    periods = read(tmp_path, FIRST, LAST)
    assert [period.first_day for period in periods] == [FIRST + timedelta(days=number) for number in range(DAYS)]
    assert total(periods) == expected(ledger)
    lines = [line for period in periods for line in period.lines]
    assert {line.model for line in lines} == set(MODELS)
    assert {line.key_ref for line in lines} == {"key_a", "key_b"}
    assert {line.service_tier for line in lines} == {None, "batch"}
    for kind in WORDS:
        assert sum(line.quantity or 0 for line in lines if line.token_kind == kind) == ledger.tokens(kind, FIRST, LAST)
    assert [(period.is_complete, period.note) for period in periods] == [(True, "")] * (DAYS - 1) + [(False, NOT_YET)]


@both_forms
def test_credits_are_lines_of_their_own(tmp_path: Path, ledger: Ledger, write: Write, name: str) -> None:
    ledger.credits[FIRST] = Decimal("3.25")
    write(tmp_path / name, export_rows(ledger, FIRST, LAST))
    periods = read(tmp_path, FIRST, LAST)
    (credit,) = [line for period in periods for line in period.lines if line.category == "credit"]
    assert (credit.amount, credit.description) == (Decimal("-3.25"), "Free trial")
    assert total(periods) == expected(ledger) - picousd(Decimal("3.25"))


def test_parts_add_up_and_an_export_written_again_does_not(tmp_path: Path, ledger: Ledger) -> None:
    rows = export_rows(ledger, FIRST, LAST)
    write_parquet(tmp_path / "1.parquet", rows[:50])
    write_parquet(tmp_path / "2.parquet", rows[50:])
    assert total(read(tmp_path, FIRST, LAST)) == expected(ledger)
    write_parquet(tmp_path / "again.parquet", rows)
    assert total(read(tmp_path, FIRST, LAST)) == expected(ledger)
    write_parquet(tmp_path / "twice.parquet", [rows[0], *rows])  # within one file it is two uses
    assert total(read(tmp_path, FIRST, LAST)) == expected(ledger) + picousd(rows[0]["cost"])


def test_another_currency_is_turned_into_dollars_at_the_rows_rate(tmp_path: Path, ledger: Ledger) -> None:
    rows = export_rows(ledger, FIRST, FIRST)[:1]
    rows[0] |= {"currency": "EUR", "cost": Decimal("0.9"), "currency_conversion_rate": Decimal("0.75")}
    write_csv(tmp_path / "a.csv", rows)
    (line,) = read(tmp_path, FIRST, FIRST)[0].lines
    assert (line.amount, line.currency) == (Decimal("1.2"), "EUR")
    rows[0] |= {"currency_conversion_rate": None}
    write_csv(tmp_path / "a.csv", rows)
    with pytest.raises(BillingError, match="currency_conversion_rate"):
        read(tmp_path, FIRST, FIRST)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no column service.description"),
        (b"service.description,sku.description\n", "no column usage_start_time"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "odd.csv").write_bytes(content)
    with pytest.raises(BillingError, match=f"odd.csv.*{words}"):
        read(tmp_path, FIRST, LAST)


@pytest.mark.parametrize(
    "change",
    [
        {"cost": None},
        {"cost": "much"},
        {"cost": "NaN"},
        {"usage_start_time": None},
        {"credits": "no"},
        {"credits": "{}"},
    ],
)
def test_a_row_that_cannot_be_read_stops_the_reading(tmp_path: Path, ledger: Ledger, change: dict[str, Any]) -> None:
    rows = export_rows(ledger, FIRST, FIRST)
    write_csv(tmp_path / "a.csv", rows)
    lines = (tmp_path / "a.csv").read_text().splitlines()
    header = lines[0].split(",")
    for name, value in change.items():
        cells = lines[1].split(",")
        cells[header.index(name)] = "" if value is None else str(value)
        lines[1] = ",".join(cells)
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(BillingError, match=r"a\.csv is not a billing export"):
        read(tmp_path, FIRST, FIRST)


def test_a_torn_parquet_file_and_an_empty_folder_are_said(tmp_path: Path, ledger: Ledger) -> None:
    with pytest.raises(BillingError, match="There is no"):
        read(tmp_path, FIRST, LAST)
    with pytest.raises(BillingError, match="cannot be read"):
        read(tmp_path / "absent", FIRST, LAST)
    write_parquet(tmp_path / "a.parquet", export_rows(ledger, FIRST, LAST))
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(BillingError, match=r"a\.parquet cannot be read"):
        read(tmp_path, FIRST, LAST)


@on_sqlite
def test_a_connection_reads_a_folder_and_restatements_replace(bills: Bills, tmp_path: Path, ledger: Ledger) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    bills.connect(ConnectionKind.GEMINI_EXPORT, None, folder=str(folder))
    assert "no .parquet" in (bills.read().error or "")
    write_parquet(folder / "a.parquet", export_rows(ledger, FIRST, LAST))
    assert bills.read().recorded.new == DAYS
    assert sum(line.amount_picousd for line in bills.lines()) == expected(ledger)
    ledger.restate(LAST, 10)
    write_parquet(folder / "a.parquet", export_rows(ledger, FIRST, LAST))
    reading = bills.read()
    assert (reading.recorded.new, reading.recorded.restated, reading.recorded.unchanged) == (0, 1, 6)
    assert sum(line.amount_picousd for line in bills.lines()) == expected(ledger)
