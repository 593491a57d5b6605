"""What a call costs by the bundled table and a person's own prices."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.calls.tokens import Tokens
from daemon.clock import parse_instant, to_micros
from daemon.credentials import MeterHome, UnreadableStateError
from daemon.prices.book import Cost, PriceBook
from daemon.prices.overrides import load_prices
from daemon.prices.rates import Rate, applying, millicents, picodollars_per_token
from daemon.prices.table import bundled_table

AT = to_micros(parse_instant("2026-11-20T12:00:00Z"))
SONNET = "claude-sonnet-4-5-20250929"
LISTED = bundled_table().source


@pytest.fixture
def home(tmp_path: Path) -> MeterHome:
    return MeterHome(tmp_path)


def with_own(home: MeterHome, text: str) -> PriceBook:
    home.write(home.prices_path, text.encode())
    return load_prices(home)


def test_each_kind_has_its_own_price() -> None:
    book = PriceBook.bundled()
    tokens = Tokens(uncached_input=1_000, cache_read=10_000, cache_write_5m=2_000, cache_write_1h=400, output=300)
    # USD per million: 3, 0.30, 3.75, 6, 15
    assert book.cost("anthropic", SONNET, tokens, AT, None) == Cost(300 + 300 + 750 + 240 + 450, LISTED)


def test_thinking_is_part_of_the_output_and_costs_nothing_more() -> None:
    book = PriceBook.bundled()
    plain = book.cost("gemini", "gemini-2.5-pro", Tokens(output=1_000), AT, None)
    assert plain is not None
    assert book.cost("gemini", "gemini-2.5-pro", Tokens(output=1_000, thinking=900), AT, None) == plain


def test_cached_input_counts_towards_the_context_band() -> None:
    book = PriceBook.bundled()
    below = Tokens(uncached_input=100_000, cache_read=100_000)
    above = Tokens(uncached_input=100_000, cache_read=100_001)
    assert book.cost("anthropic", SONNET, below, AT, None) == Cost(33_000, LISTED)
    assert book.cost("anthropic", SONNET, above, AT, None) == Cost(66_000, LISTED)


def test_the_tier_that_served_a_call_decides_and_an_unknown_one_is_standard() -> None:
    book = PriceBook.bundled()
    tokens = Tokens(uncached_input=10_000, output=1_000)
    standard = book.cost("openai", "gpt-5", tokens, AT, None)
    flex = book.cost("openai", "gpt-5", tokens, AT, "Flex")
    assert standard == Cost(2_250, LISTED)
    assert flex == Cost(1_125, LISTED)
    assert book.cost("openai", "gpt-5", tokens, AT, "default") == standard


def test_a_call_costs_what_it_cost_on_its_day() -> None:
    book = PriceBook.bundled()
    first_cheap = to_micros(parse_instant("2025-06-10"))
    dear, cheap = (book.cost("openai", "o3", Tokens(output=1_000), at, None) for at in (first_cheap - 1, first_cheap))
    assert (dear, cheap) == (Cost(4_000, LISTED), Cost(800, LISTED))


@pytest.mark.parametrize(
    ("provider", "model", "tokens"),
    [
        ("openai", "a-model-of-next-year", Tokens(output=1)),
        ("openai", "unknown", Tokens()),
        ("a-local-thing", "gpt-5", Tokens(output=1)),
        ("groq", "whisper-large-v3", Tokens(output=1)),
        ("anthropic", "\ud800" + "x" * 5_000_000, Tokens(output=1)),
    ],
)
def test_an_unknown_price_is_none_and_never_zero(provider: str, model: str, tokens: Tokens) -> None:
    assert PriceBook.bundled().cost(provider, model, tokens, AT, None) is None


def test_a_call_without_tokens_of_a_known_model_costs_nothing() -> None:
    assert PriceBook.bundled().cost("openai", "gpt-5", Tokens(), AT, None) == Cost(0, LISTED)


def test_a_period_ends_before_the_instant_at_which_the_next_begins() -> None:
    rate = Rate(
        tier="flex", context_over_tokens=0, from_us=10, until_us=20, picodollars=(1, 1, 1, 1, 1), source="somewhere"
    )
    assert [applying([rate], "flex", at, 0) is rate for at in (9, 10, 19, 20)] == [False, True, True, False]
    assert applying([rate], "standard", 15, 0) is None


@given(st.integers(0, 10**22))
def test_an_amount_is_rounded_once_half_to_even(picodollars: int) -> None:
    exact = Decimal(picodollars) / 10_000_000
    assert millicents(picodollars) == exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)


@given(st.integers(0, 1_800_000_000), st.integers(0, 6))
def test_a_price_keeps_every_digit(picodollars: int, zeros: int) -> None:
    usd = Decimal(picodollars).scaleb(-6)
    written = f"{usd:f}" + ("0" * zeros if "." in f"{usd:f}" else "")
    assert picodollars_per_token(Decimal(written)) == picodollars


@pytest.mark.parametrize("usd", ["-1", "1800.000001", "0.0000001", "NaN", "sNaN", "Infinity", "1e999999", "1e-999999"])
def test_an_absurd_price_is_refused(usd: str) -> None:
    with pytest.raises(ValueError, match="a price"):
        picodollars_per_token(Decimal(usd))


def test_without_a_file_prices_are_the_bundled_ones(home: MeterHome) -> None:
    assert load_prices(home).cost("openai", "gpt-5", Tokens(output=1_000), AT, None) == Cost(1_000, LISTED)


def test_an_own_price_replaces_the_kinds_it_sets_and_the_others_stay(home: MeterHome) -> None:
    book = with_own(home, '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\noutput = "9.000001"\n')
    tokens = Tokens(uncached_input=10_000, output=10_000_000)
    assert book.cost("openai", "gpt-5-2025-08-07", tokens, AT, None) == Cost(1_250 + 9_000_001, "prices.toml")
    assert book.cost("openai", "gpt-4o", Tokens(output=1_000), AT, None) == Cost(1_000, LISTED)


def test_numbers_are_read_as_they_are_written(home: MeterHome) -> None:
    entry = '[[price]]\nprovider = "x"\nmodel = "{}"\noutput = {}\n'
    book = with_own(home, entry.format("a", "0.123457") + entry.format("b", "7") + entry.format("c", '"1e-6"'))
    costs = [book.cost("x", model, Tokens(output=1_000_000_000), AT, None) for model in "aBc"]
    assert costs == [Cost(12_345_700, "prices.toml"), Cost(700_000_000, "prices.toml"), Cost(100, "prices.toml")]


def test_an_own_price_of_an_unknown_model_counts_caches_as_input(home: MeterHome) -> None:
    book = with_own(home, '[[price]]\nprovider = "local"\nmodel = "llama"\nuncached_input = 1\n')
    assert book.cost("local", "llama", Tokens(cache_read=5, cache_write_1h=100_000), AT, None) == Cost(
        10_000, "prices.toml"
    )
    assert book.cost("local", "llama", Tokens(output=1), AT, None) is None


def test_an_own_price_holds_from_its_day_until_the_next_one(home: MeterHome) -> None:
    entry = '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\nvalid_from = {}\noutput = {}\n'
    book = with_own(home, entry.format("2026-10-01", 8) + entry.format('"2026-11-01"', 7))
    first, second = (to_micros(parse_instant(day)) for day in ("2026-10-01", "2026-11-01"))
    costs = [
        book.cost("openai", "gpt-5", Tokens(output=1_000), at, None) for at in (first - 1, first, second - 1, second)
    ]
    assert [cost.millicents for cost in costs if cost] == [1_000, 800, 800, 700]


def test_a_listed_price_of_the_tier_beats_an_own_standard_one(home: MeterHome) -> None:
    standard = '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\noutput = 1\n'
    book = with_own(home, standard)
    assert book.cost("openai", "gpt-5", Tokens(output=1_000), AT, "flex") == Cost(500, LISTED)
    assert book.cost("openai", "gpt-5", Tokens(output=1_000), AT, "no-such-tier") == Cost(100, "prices.toml")
    both = with_own(home, standard + '[[price]]\nprovider = "openai"\nmodel = "gpt-5"\ntier = "Flex"\noutput = 2\n')
    assert both.cost("openai", "gpt-5", Tokens(output=1_000), AT, "flex") == Cost(200, "prices.toml")


def test_a_name_itself_beats_the_model_it_means(home: MeterHome) -> None:
    entry = '[[price]]\nprovider = "anthropic"\nmodel = "{}"\noutput = {}\n'
    book = with_own(home, entry.format("claude-sonnet-4-5", 2) + entry.format(SONNET.upper(), 1))
    assert book.cost("anthropic", SONNET, Tokens(output=1_000), AT, None) == Cost(100, "prices.toml")
    assert book.cost("anthropic", "claude-sonnet-4-5", Tokens(output=1_000), AT, None) == Cost(200, "prices.toml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[price", "cannot be understood"),
        ("price = 3", "cannot be understood"),
        ("[[prices]]\nmodel = 'x'", "prices"),
        ('[[price]]\nprovider = "x"\nmodel = "y"\n', "number 1: it sets no price"),
        ('[[price]]\nprovider = "x"\nmodel = "y"\ninput = 3\n', "input"),
        ('[[price]]\nmodel = "y"\noutput = 3\n', "provider"),
        ('[[price]]\nprovider = "x"\nmodel = "y"\noutput = -1\n', "`output`: a price is between"),
        ('[[price]]\nprovider = "x"\nmodel = "y"\noutput = true\n', "`output`: a price is a number"),
        ('[[price]]\nprovider = "x"\nmodel = "y"\noutput = nan\n', "`output`: a price is between"),
        ('[[price]]\nprovider = "x"\nmodel = "y"\noutput = "9,5"\n', "`output`: a price is a number"),
        ('[[price]]\nprovider = "x"\nmodel = "y"\noutput = 1e99999999\n', "`output`: a price is between"),
        (f'[[price]]\nprovider = "x"\nmodel = "y"\noutput = 1{"0" * 4000}\n', "`output`: a price is a number"),
        ('[[price]]\nprovider = "x"\nmodel = "y"\noutput = 0.0000001\n', "six decimals"),
        ('[[price]]\nprovider = "x"\nmodel = "y"\noutput = 1\nvalid_from = "soon"\n', "`valid_from` is a day"),
        ('[[price]]\nprovider = "x"\nmodel = "y"\noutput = 1\nvalid_from = 2026-01-01T00:00:00Z\n', "is a day"),
        ('[[price]]\nprovider = "x"\nmodel = "y"\noutput = 1\n' * 2, "number 2: an entry before"),
        ("#" * 1_000_001, "larger than a megabyte"),
        ("a = " + "[" * 100_000, "cannot be understood"),
    ],
)
def test_a_file_that_cannot_be_understood_is_an_error_that_names_the_place(
    home: MeterHome, text: str, says: str
) -> None:
    with pytest.raises(UnreadableStateError, match=says) as refused:
        with_own(home, text)
    assert str(home.prices_path) in str(refused.value)


def test_a_file_that_is_no_text_or_no_file_is_an_error(home: MeterHome) -> None:
    home.write(home.prices_path, b"\xff\xfe")
    with pytest.raises(UnreadableStateError, match="cannot be understood"):
        load_prices(home)
    home.prices_path.unlink()
    home.prices_path.mkdir()
    with pytest.raises(UnreadableStateError, match="cannot be read"):
        load_prices(home)
