-- The parts of every billed span are all there, and add up to what was logged minus what is billed, to the picodollar;
-- the log counted from the requests themselves and the bill from its lines.
with

parts as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        count(*) as parts,
        sum(amount_picousd) as amount_picousd
    from {{ ref('mart_variance_parts') }}
    group by workspace_id, provider, first_day, last_day
),

spans as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        unnest(period_ids) as period_id
    from {{ ref('int_billed_days') }}
),

lines as (
    select *
    from {{ source('finance', 'bill_lines') }}
    where category not in ('tax', 'prepaid')
),

requests as (
    select *
    from {{ source('published', 'fct_requests') }}
    where spend_kind = 'metered'
),

billed as (
    select
        spans.workspace_id,
        spans.provider,
        spans.first_day,
        spans.last_day,
        coalesce(sum(lines.amount_picousd), 0) as billed_picousd
    from spans
    left join lines on spans.period_id = lines.period_id
    group by spans.workspace_id, spans.provider, spans.first_day, spans.last_day
),

logged as (
    select
        workspace_id,
        provider,
        requested_on,
        sum(cost_logged_millicents) as millicents
    from requests
    group by workspace_id, provider, requested_on
),

variances as (
    select
        billed.workspace_id,
        billed.provider,
        billed.first_day,
        billed.last_day,
        coalesce(sum(logged.millicents), 0) * 10000000 - any_value(billed.billed_picousd) as variance_picousd
    from billed
    left join logged
        on
            billed.workspace_id = logged.workspace_id
            and billed.provider = logged.provider
            and logged.requested_on between billed.first_day and billed.last_day
    group by billed.workspace_id, billed.provider, billed.first_day, billed.last_day
),

final as (
    select
        coalesce(variances.workspace_id, parts.workspace_id) as workspace_id,
        coalesce(variances.provider, parts.provider) as provider,
        coalesce(variances.first_day, parts.first_day) as first_day,
        variances.variance_picousd,
        parts.amount_picousd,
        parts.parts
    from variances
    full outer join parts
        on
            variances.workspace_id = parts.workspace_id
            and variances.provider = parts.provider
            and variances.first_day = parts.first_day
            and variances.last_day = parts.last_day
    where
        variances.variance_picousd is distinct from parts.amount_picousd
        or parts.parts <> {{ variance_parts() | length }}
)

select * from final
