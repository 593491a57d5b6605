"""OpenAI's exports: buckets, not calls."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.calls.call import Call
from daemon.importers.draft import BadLine
from daemon.importers.openai_usage_csv import PART_TOKENS, openai_usage_csv
from tests.daemon.importers.conftest import Desk
from tests.daemon.importers.samples import OPENAI_COSTS, OPENAI_USAGE

FAR_US = 2**52
HEADER = (
    "start_time,end_time,project_id,num_model_requests,model,batch,service_tier,"
    "input_tokens,output_tokens,input_cached_tokens"
)


def calls_of(table: str, as_of_us: int = FAR_US) -> list[Call]:
    drafts = list(openai_usage_csv(table.encode(), as_of_us, "auto"))
    assert not [draft for draft in drafts if isinstance(draft, BadLine)]
    return [draft.call for draft in drafts if not isinstance(draft, BadLine)]


def test_a_bucket_of_short_requests_is_one_row_and_cached_is_a_part_of_input() -> None:
    first = calls_of(OPENAI_USAGE)[0]
    assert (first.tokens.uncached_input, first.tokens.cache_read, first.tokens.output) == (53_440, 5_760, 10_646)
    assert (first.model, first.service_tier, first.billing_basis) == ("gpt-4o-2024-08-06", "default", "imported")
    assert first.requested_at_us == 1_761_955_200_000_000


def test_rows_that_share_all_their_names_are_different_buckets() -> None:
    same = [call for call in calls_of(OPENAI_USAGE) if call.requested_at_us == 1_762_041_600_000_000]
    assert sorted(call.tokens.total_input for call in same) == [5_783, 46_264]
    assert len({call.id for call in same}) == 2


def test_a_bucket_of_a_day_is_not_priced_as_one_long_prompt() -> None:
    batch = [call for call in calls_of(OPENAI_USAGE) if call.service_tier == "batch"]
    assert len(batch) == 40
    assert max(call.tokens.total_input for call in batch) == 125_001
    assert sum(call.tokens.total_input for call in batch) == 5_000_001
    assert sum(call.tokens.output for call in batch) == 31


@given(
    fresh=st.integers(0, 10**10),
    output=st.integers(0, 10**9),
    cached=st.integers(0, 10**10),
    requests=st.integers(0, 5_000),
)
def test_parts_add_up_to_the_bucket(fresh: int, output: int, cached: int, requests: int) -> None:
    cached = min(cached, fresh)
    calls = calls_of(f"{HEADER}\n1761955200,1762041600,p,{requests},gpt-5,FALSE,default,{fresh},{output},{cached}.0\n")
    assert sum(call.tokens.total_input for call in calls) == fresh
    assert sum(call.tokens.cache_read for call in calls) == cached
    assert sum(call.tokens.output for call in calls) == output
    assert len({call.id for call in calls}) == len(calls) <= max(requests, 1)
    average = -(-fresh // max(requests, 1))
    assert max(call.tokens.total_input for call in calls) <= max(PART_TOKENS, average)


def test_a_bucket_that_was_not_over_when_the_file_was_written_is_left_for_a_later_export(desk: Desk) -> None:
    day_us = int(desk.clock.instant.timestamp()) // 86_400 * 86_400
    content = f"{HEADER}\n{day_us},{day_us + 86_400},p,1,gpt-5,FALSE,default,10,1,0\n".encode()
    path = desk.file("usage.csv", content)
    os.utime(path, (day_us + 3_600, day_us + 3_600))
    desk.clock.instant += timedelta(days=5)
    assert desk.importer("openai-usage-csv").read(path).tally.calls == 0
    later = desk.file("later.csv", content)
    os.utime(later, (day_us + 90_000, day_us + 90_000))
    assert desk.importer("openai-usage-csv").read(later).tally.new == 1


def test_costs_are_amounts_in_dollars_exactly() -> None:
    first, tiny = calls_of(OPENAI_COSTS)
    assert (first.cost_millicents, first.model, first.price_source) == (89_587, "gpt-4o-2024-08-06", "openai:costs")
    assert tiny.cost_millicents == 0
    assert first.tokens.total_input == 0


def test_what_the_usage_told_of_a_day_the_costs_do_not_tell_again(desk: Desk) -> None:
    assert desk.read("openai-usage-csv", "usage.csv", OPENAI_USAGE.encode()).tally.new == 43
    costs = desk.read("openai-usage-csv", "costs.csv", OPENAI_COSTS.encode())
    assert (costs.tally.new, costs.tally.elsewhere) == (0, 2)


def test_sound_and_images_have_no_price_in_the_table() -> None:
    table = f"{HEADER},input_audio_tokens\n1761955200,1762041600,p,1,gpt-4o-audio,FALSE,default,10,1,0,7\n"
    [draft] = openai_usage_csv(table.encode(), FAR_US, "auto")
    assert not isinstance(draft, BadLine)
    assert not draft.priced


@pytest.mark.parametrize("sign", ["\t", ";"])
def test_other_signs_between_cells_and_a_byte_order_mark_are_understood(sign: str) -> None:
    table = "\ufeff" + "\n".join(line.replace(",", sign) for line in (HEADER, "1761955200,,p,1,gpt-5,,,10,1,0"))
    [call] = calls_of(table)
    assert (call.tokens.total_input, call.model) == (10, "gpt-5")


def test_the_older_export_is_understood() -> None:
    table = (
        "aggregation_timestamp,n_requests,operation,snapshot_id,n_context_tokens_total,n_generated_tokens_total\n"
        "1761955200,1,completion,gpt-4-0613,10,1\n"
    )
    [call] = calls_of(table)
    assert (call.model, call.tokens.total_input, call.tokens.output) == ("gpt-4-0613", 10, 1)


@pytest.mark.parametrize(
    "row",
    [
        "yesterday,,p,1,gpt-5,,,10,1,0",
        "1761955200,,p,1,gpt-5,,,-10,1,0",
        "1761955200,,p,1,gpt-5,,,NaN,1,0",
        "1761955200,,p,1,gpt-5,,,1e999999,1,0",
        "1761955200,,p,1,gpt-5,,,1.5,1,0",
        "1761955200,,p,1,gpt-5,,,ten,1,0",
        '"open',
    ],
)
def test_a_row_that_cannot_be_read_is_counted_and_the_next_one_is_read(row: str) -> None:
    good = "1761955200,,p,1,gpt-5,,,10,1,0"
    drafts = list(openai_usage_csv(f"{HEADER}\n{good}\n{row}\n".encode(), FAR_US, "auto"))
    assert [isinstance(draft, BadLine) for draft in drafts] == [False, True]


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x00\xff\xfe"])
def test_another_kind_of_table_is_said_to_be_bad(content: bytes) -> None:
    assert [type(each) for each in openai_usage_csv(content, FAR_US, "auto")] == [BadLine]


def test_amounts_in_another_currency_are_not_taken_for_dollars() -> None:
    table = "start_time,end_time,amount_value,amount_currency,line_item\n1761955200,,1.5,eur,x\n"
    assert [type(each) for each in openai_usage_csv(table.encode(), FAR_US, "auto")] == [BadLine]
