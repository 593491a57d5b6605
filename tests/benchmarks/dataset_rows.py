"""What the benchmarks' rows are made of: the models in use and the SQL that draws every value from a row's number.

Belongs here: values. Does not belong here: files, ledger, workspaces (`dataset`).
"""

from __future__ import annotations

from typing import Final

# Provider, model and its share of the calls in percent; a model nobody prices is among them.
MODELS: Final = (
    ("anthropic", "claude-sonnet-4-5-20250929", 34), ("openai", "gpt-5", 20), ("anthropic", "claude-opus-4-5", 12),
    ("openai", "gpt-5-mini", 9), ("gemini", "gemini-2.5-pro", 7), ("anthropic", "claude-haiku-4-5", 5),
    ("openai", "gpt-4o", 4), ("gemini", "gemini-2.5-flash", 3), ("openai", "gpt-4.1-mini", 2),
    ("openai", "o3", 2), ("anthropic", "claude-3-5-haiku-20241022", 1), ("in-house", "llama-tuned", 1),
)  # fmt: skip

ROWS: Final = """
with numbered as (
    select i, i - $first as place,
        case when i % 100 = 7 and i > $back then i - $back - 1 else i end as k
    from range($first, $first + $count) as rows(i)
), drawn as (
    select *, hash(k, $seed) as h1, hash(k, $seed + 1) as h2, hash(k, $seed + 2) as h3,
        $days::double * k / $total as day_k, $days::double * ($first + $count) / $total as day_i
    from numbered
), placed as (
    select *, floor(pow((h1 % 10000) / 10000.0, 1.7) * $devices)::integer as device, h3 % 1000 as thousandth
    from drawn
), sitting as (
    select *, hash(device, k * $sittings // $total, $seed) as s from placed
), attributed as (
    select *,
        case when s % 100 < 70 then device % $projects when s % 100 < 90 then (device * 7 + 3) % $projects
             else floor(pow((s // 128 % 10000) / 10000.0, 2) * $projects)::integer end as project_number,
        case when h2 // 65536 % 100 < 85 then s // 65536 % 100 else h3 // 65536 % 100 end::integer as model_point,
        epoch_us($begin::timestamptz) + (floor(day_k) + warp(day_k - floor(day_k))) * 86400e6 as at_k,
        epoch_us($begin::timestamptz) + (floor(day_i) + warp(day_i - floor(day_i))) * 86400e6 as at_i
    from sitting
), timed as (
    select *, least(at_i, epoch_us($until::timestamptz))::bigint as received_us,
        (least(at_k, epoch_us($until::timestamptz))
            - case when thousandth < 950 then 2e6 + h2 % 60000000 else 60e6 + h2 % 36000000000 end
        )::bigint as requested_us
    from attributed
)
select
    md5($seed || ' ' || k)::uuid as request_id, $workspace::uuid as workspace_id,
    list_extract($device_ids::uuid[], device + 1) as device_id,
    md5($seed || ' batch ' || $first || ' ' || device)::uuid as batch_key,
    (row_number() over (partition by device order by place) - 1)::integer as row_index,
    make_timestamptz(received_us) as received_at,
    case when thousandth % 50 = 0 then null else 'project-' || printf('%02d', project_number) end as project,
    split_part(model, '/', 1) as provider, split_part(model, '/', 2) as model,
    (2000 + h2 % 20000)::bigint as input_tokens, (20 + h3 % 3000)::bigint as output_tokens,
    (case when h1 % 4 = 0 then h3 % 20 else 0 end)::bigint as thinking_tokens,
    (h1 % 2000)::bigint as cached_tokens, (case when h1 % 3 = 0 then h2 % 900 else 0 end)::bigint as cache_write_tokens,
    case when h3 % 33 = 0 then null else (h2 % 5000)::bigint end as cost_logged_millicents,
    null::varchar as fx_rate, true as tokens_complete, (300 + h2 % 90000) / 7.0::double as latency_ms,
    case when h1 % 5 = 0 then null else (h3 % 900)::bigint end as time_to_first_token_ms,
    make_timestamptz(requested_us) as requested_at,
    make_timestamptz(requested_us + 1000 * (1 + h2 % 900)::bigint) as recorded_at,
    case when h3 % 50 = 0 then 'error' else 'success' end as status,
    case when h1 % 6 = 0 then 'embedding' else 'chat' end as request_kind, 'git' as attribution_method,
    null::varchar as source_workdir, 'laptop-' || device as source_machine,
    case when h2 % 10 < 3 then null
        when h3 // 7 % 1000 < $repeating then md5(s::varchar) || md5((h1 // 65536 % 2)::varchar)
        else md5(h2::varchar) || md5(h1::varchar)
    end as prompt_hash,
    case when h1 % 10 = 0 then 'key-' || k end as idempotency_key,
    case when h3 % 50 = 0 then 'rate_limit' end as error_class, null::varchar as provider_error_code,
    (case when h3 % 50 = 0 then 429 else 200 end)::bigint as http_status, null::boolean as retryable,
    case when device % 7 = 0 then 'subscription_imputed' when h2 % 7 = 1 then null else 'metered' end as billing_basis,
    case when h1 % 10 = 1 then '{"provider_request_id":"req_' || k || '"}' end as extra_json
from (select *, list_extract($models::varchar[], model_point + 1) as model from timed)
order by place
"""
# A day's share of calls to its hours: 70 % of them between 8 and 18.
WARP: Final = """
create macro warp(part) as case
    when part < 0.15 then part / 0.15 * 8 / 24
    when part < 0.85 then (8 + (part - 0.15) / 0.7 * 10) / 24
    else (18 + (part - 0.85) / 0.15 * 6) / 24
end
"""
