"""Invoice files: any bytes are refused or read, never run; amounts and days are read exactly or not at all."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.bills.csv_bills import FileBills, bills_of
from api.bills.csv_mapping import ColumnMapping, guess_mapping
from api.bills.csv_text import CELL_LENGTH_MAX, UPLOAD_BYTES_MAX, read_csv, visible
from api.bills.csv_values import (
    DAY_FORMATS,
    CellError,
    amount_of_cell,
    category_of_cell,
    day_of_cell,
    guessed_day_format,
    guessed_decimal_mark,
)
from api.bills.money import Exchange
from api.errors import Refused
from pipelines.billing.amounts import amount_text, picousd
from pipelines.billing.bills import BillError
from pipelines.lake.bills import LineCategory

DAILY = ColumnMapping(columns={"date": 0, "amount": 1}, day_format="iso")
MONEY = st.decimals(min_value=Decimal(-9_000_000), max_value=Decimal(9_000_000), places=12)
DAYS = st.dates(date(2020, 1, 1), date(2099, 12, 31))


def read(content: bytes, mapping: ColumnMapping = DAILY, exchange: Exchange | None = None) -> FileBills:
    return bills_of(read_csv(content), mapping, exchange or Exchange(), span=None, note="")


@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=150)
def test_any_bytes_are_a_table_of_text_or_a_refusal(content: bytes):
    try:
        text = read_csv(content)
    except Refused:
        return
    guess = guess_mapping(text)
    assert guess.header_row in {number for number, _ in text.rows}
    for _, cells in text.rows:
        assert all(visible(cell, 80).isprintable() and len(visible(cell, 80)) <= 80 for cell in cells)
    try:
        read_ = bills_of(
            text, ColumnMapping(columns={"amount": 0}), Exchange(), span=(date(2026, 6, 1), date(2026, 6, 1)), note=""
        )
    except Refused:
        return
    assert read_.problem_count or read_.periods


@given(amount=MONEY, mark=st.sampled_from([".", ","]), style=st.sampled_from(["plain", "grouped", "bracket", "after"]))
def test_any_amount_is_read_as_it_was_written(amount: Decimal, mark: str, style: str):
    plain = amount_text(amount.copy_abs())
    whole, _, fraction = plain.partition(".")
    if style == "grouped":
        whole = f"{int(whole):,}".replace(",", {".": ",", ",": "."}[mark])
    cell = f"{whole}{mark}{fraction}" if fraction else whole
    if amount < 0:
        cell = {"bracket": f"({cell})", "after": f"{cell}-"}.get(style, f"-{cell}")
    for signed in (cell, f" ${cell} ", f"{cell} USD", cell.replace("-", "\u2212")):
        assert amount_of_cell(signed, mark) == amount, signed


@pytest.mark.parametrize(
    "cell",
    ["", " ", "-", "()", "=1+1", "1,23", "1,2345", "1,,000", "12,34,567", "0x10", "NaN", "Infinity", "1e9999", "1 2",
     "٣", "1.2.3", "--1", "$", "1/2", "9999999999", "1" * 200],
)  # fmt: skip
def test_what_is_no_amount_or_could_be_two_is_refused(cell: str):
    with pytest.raises(CellError):
        amount_of_cell(cell, ".")


def test_the_decimal_mark_is_known_only_when_the_amounts_leave_no_choice():
    assert guessed_decimal_mark(["1,234.50", "2"]) == "."
    assert guessed_decimal_mark(["1.234,50", "2"]) == ","
    assert guessed_decimal_mark(["12", "3"]) == "."
    assert guessed_decimal_mark(["1,234", "2.345"]) is None
    assert guessed_decimal_mark(["1,234"]) is None
    assert guessed_decimal_mark(["twelve"]) is None
    assert guessed_decimal_mark([]) is None


@given(day=DAYS)
def test_any_day_is_read_in_the_format_it_is_written_in(day: date):
    written = {
        "iso": day.isoformat(),
        "month_first": f"{day.month}/{day.day:02}/{day.year}",
        "day_first": f"{day.day}.{day.month:02}.{day.year}",
        "month_name": f"{day:%b} {day.day}, {day.year}",
    }
    assert set(written) == set(DAY_FORMATS)
    for one, text in written.items():
        assert day_of_cell(text, one) == day
    assert guessed_day_format([written["iso"]]) == "iso"
    both = guessed_day_format([written["day_first"]])
    assert both == ("day_first" if day.day > 12 else None)


def test_an_instant_is_of_its_day_in_utc_and_odd_days_are_refused():
    assert day_of_cell("2026-06-30T23:30:00-02:00", "iso") == date(2026, 7, 1)
    assert day_of_cell("2026-06-30 00:00:00 UTC", "iso") == date(2026, 6, 30)
    for odd in ("2026-W05-6", "20260630", "2026-02-30", "yesterday", "", "2026-06-3"):
        with pytest.raises(CellError):
            day_of_cell(odd, "iso")


def test_words_of_categories_are_known_or_asked_for():
    assert category_of_cell(" Sales_Tax ", {}) is LineCategory.TAX
    assert category_of_cell("Startup grant", {"startup grant": LineCategory.CREDIT}) is LineCategory.CREDIT
    with pytest.raises(CellError):
        category_of_cell("Startup grant", {})


@given(
    lines=st.lists(
        st.tuples(st.dates(date(2020, 1, 1), date(2026, 12, 31)), MONEY.map(lambda one: one / 10_000)),
        min_size=1,
        max_size=30,
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@settings(max_examples=60)
def test_a_files_bills_add_up_to_its_rows_day_by_day(lines: list[tuple[date, Decimal]], delimiter: str, encoding: str):
    lines = [(day, Decimal(amount_text(amount))) for day, amount in lines]
    sink = io.StringIO()
    rows = [("day", "cost"), *((day.isoformat(), amount_text(amount)) for day, amount in lines)]
    csv.writer(sink, delimiter=delimiter).writerows(rows)
    found = read(sink.getvalue().encode(encoding))
    assert (found.rows, found.problem_count) == (len(lines), 0)
    sums: dict[date, int] = {}
    for day, amount in lines:
        sums[day] = sums.get(day, 0) + picousd(amount)
    kept = {one.first_day: sum(picousd(line.amount) for line in one.lines) for one in found.periods}
    assert kept == sums
    assert all(one.first_day == one.last_day for one in found.periods)


def test_hostile_cells_stay_text():
    content = (
        'date,amount,description,model\r\n2026-06-01,1,"=HYPERLINK(""http://evil.example"")",@SUM(A1)\r\n'
        '2026-06-01,2,"a\u202eb\u0000c\x1b[31m",m\u200bn\r\n'
    )
    mapping = ColumnMapping(columns={"date": 0, "amount": 1, "description": 2, "model": 3}, day_format="iso")
    with pytest.raises(Refused, match="not text"):
        read(content.encode(), mapping)
    found = read(content.replace("\u0000", "").encode(), mapping)
    first, second = found.periods[0].lines
    assert first.description == '=HYPERLINK("http://evil.example")'
    assert second.description == "a\ufffdbc\ufffd[31m"
    assert second.model == "m\ufffdn"


def test_rows_that_cannot_be_read_are_told_by_number_and_nothing_of_the_file_is_kept():
    content = b"date,amount\n2026-06-01,1\nnonsense,2\n2026-06-02\n2026-06-03,many\n\nTotal,1\n"
    found = read(content)
    assert found.periods == ()
    assert [(one.row, one.reason.split()[0]) for one in found.problems] == [(3, "it"), (4, "it"), (5, "it"), (7, "it")]
    kept = read(content, ColumnMapping(columns={"date": 0, "amount": 1}, day_format="iso", rows_left_out=(3, 4, 5, 7)))
    assert (kept.rows, kept.problem_count) == (1, 0)


def test_columns_are_told_apart_by_number_also_when_two_have_one_name():
    content = b"Acme GmbH\nDate,Amount,Amount\n2026-06-01,5,7\n"
    text = read_csv(content)
    guess = guess_mapping(text)
    assert (guess.header_row, guess.columns, guess.day_format) == (2, {"date": 0, "amount": 1}, "iso")
    for column, amount in ((1, 5), (2, 7)):
        mapping = ColumnMapping(columns={"date": 0, "amount": column}, header_row=2, day_format="iso")
        assert bills_of(text, mapping, Exchange(), span=None, note="").periods[0].lines[0].amount == amount


@pytest.mark.parametrize(
    "changes",
    [{"columns": {"date": 0}}, {"columns": {"amount": 2}}, {"columns": {"amount": 1, "date": 1}},
     {"columns": {"amount": -1}}, {"columns": {"amount": 1, "colour": 0}}, {"header_row": 9},
     {"day_format": None}, {"decimal_mark": "'"}, {"rows_left_out": tuple(range(1_001))}],
)  # fmt: skip
def test_a_mapping_that_does_not_fit_is_refused(changes: dict[str, object]):
    given_: dict[str, object] = {"columns": {"date": 0, "amount": 1}, "day_format": "iso", **changes}
    with pytest.raises(Refused) as refused:
        read(b"date,amount\n2026-06-01,1\n", ColumnMapping(**given_))  # pyright: ignore[reportArgumentType]
    assert refused.value.code == "bill_mapping_wrong"


def test_other_currencies_need_a_rate_and_are_exact():
    content = b"date,amount,currency\n2026-06-01,10.10,EUR\n2026-06-01,1,\n"
    mapping = ColumnMapping(columns={"date": 0, "amount": 1, "currency": 2}, day_format="iso")
    without = read(content, mapping)
    assert (without.problem_count, without.currencies) == (1, ("EUR",))
    found = read(content, mapping, Exchange.of({"EUR": "1.0832"}))
    assert [line.amount for line in found.periods[0].lines] == [Decimal("10.940320000000"), Decimal(1)]
    for wrong in ({"eur": "1"}, {"USD": "1"}, {"EUR": "0"}, {"EUR": "-1"}, {"EUR": "x"}):
        with pytest.raises(Refused):
            Exchange.of(wrong)


def test_credits_and_discounts_lower_a_bill_however_they_are_signed():
    content = b"date,amount,type\n2026-06-01,5,Credit\n2026-06-01,-5,discount\n2026-06-01,5,tax\n2026-06-01,-3,usage\n"
    mapping = ColumnMapping(columns={"date": 0, "amount": 1, "category": 2}, day_format="iso")
    assert [line.amount for line in read(content, mapping).periods[0].lines] == [-5, -5, 5, -3]


def test_files_beyond_the_limits_are_refused():
    too_large = b"a,b\n" + b"x" * UPLOAD_BYTES_MAX
    long_cell = b"a,b\n1," + b"y" * (CELL_LENGTH_MAX + 1)
    many_rows = b"1,2\n" * 50_001
    many_cells = b",".join([b"1"] * 201)
    open_quote = b'a,b\n"1,2\n'
    for content in (too_large, long_cell, many_rows, many_cells, open_quote, b"", b"\n\n", b"\xff\xfea", b"\x81,1"):
        with pytest.raises(Refused):
            read_csv(content)


def test_a_sum_above_what_64_bits_hold_is_refused_when_it_is_kept():
    rows = b"".join(b"2026-06-%02d,9000000\n" % 1 for _ in range(2))
    found = read(b"date,amount\n" + rows)
    with pytest.raises(BillError, match="add up"):
        found.periods[0].rows()


def test_days_far_apart_stay_bills_of_their_own():
    days = [date(2026, 1, 1) + timedelta(days=31 * number) for number in range(5)]
    content = "date,amount\n" + "".join(f"{day},1\n" for day in days)
    assert [one.first_day for one in read(content.encode()).periods] == days
