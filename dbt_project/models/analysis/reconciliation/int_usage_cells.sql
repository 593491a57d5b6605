with

spans as (select * from {{ ref('int_billed_days') }}),

billed_usage as (select * from {{ ref('int_billed_usage') }}),

seen_usage as (select * from {{ ref('int_seen_usage') }}),

span_days as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        cast(unnest(generate_series(first_day, last_day, interval '1 day')) as date) as utc_day
    from spans
),

-- Tokens of a model and kind by tier: as the bill has them, and as the log has them.
seen_cells as (
    select
        span_days.workspace_id,
        span_days.provider,
        span_days.first_day,
        span_days.last_day,
        seen_usage.model_key,
        seen_usage.unit,
        seen_usage.tier,
        sum(seen_usage.quantity) as seen
    from span_days
    inner join seen_usage
        on
            span_days.workspace_id = seen_usage.workspace_id
            and span_days.provider = seen_usage.provider
            and span_days.utc_day = seen_usage.utc_day
    where seen_usage.unit <> 'requests'
    group by all
),

billed_cells as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        model_key,
        unit,
        tier,
        sum(quantity) as billed,
        sum(list_picousd) as list_picousd
    from billed_usage
    where unit not in ('requests', 'other')
    group by all
),

final as (
    select
        coalesce(billed_cells.workspace_id, seen_cells.workspace_id) as workspace_id,
        coalesce(billed_cells.provider, seen_cells.provider) as provider,
        coalesce(billed_cells.first_day, seen_cells.first_day) as first_day,
        coalesce(billed_cells.last_day, seen_cells.last_day) as last_day,
        coalesce(billed_cells.model_key, seen_cells.model_key) as model_key,
        coalesce(billed_cells.unit, seen_cells.unit) as unit,
        coalesce(billed_cells.tier, seen_cells.tier) as tier,
        cast(coalesce(billed_cells.billed, 0) as hugeint) as billed,
        cast(coalesce(seen_cells.seen, 0) as hugeint) as seen,
        cast(coalesce(billed_cells.list_picousd, 0) as hugeint) as list_picousd
    from billed_cells
    full outer join seen_cells
        on
            billed_cells.workspace_id = seen_cells.workspace_id
            and billed_cells.provider = seen_cells.provider
            and billed_cells.first_day = seen_cells.first_day
            and billed_cells.last_day = seen_cells.last_day
            and billed_cells.model_key = seen_cells.model_key
            and billed_cells.unit = seen_cells.unit
            and billed_cells.tier = seen_cells.tier
)

select * from final
