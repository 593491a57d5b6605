with

spans as (select * from {{ ref('int_billed_days') }}),

lines as (select * from {{ source('finance', 'bill_lines') }}),

models as (select * from {{ source('published', 'dim_models') }}),

rates as (select * from {{ source('published', 'stg_rate_book') }}),

rated_models as (
    select distinct
        provider,
        model_ref
    from rates
),

span_periods as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        unnest(period_ids) as period_id
    from spans
),

named as (
    select
        span_periods.provider,
        span_periods.first_day,
        span_periods.last_day,
        lines.*,
        {{ undated_model('lines.model') }} as undated
    from span_periods
    inner join lines
        on
            span_periods.workspace_id = lines.workspace_id
            and span_periods.period_id = lines.period_id
    where lines.category = 'usage'
),

-- The rate book's name where there is one, so that a bill's names and a laptop's meet.
keyed as (
    select
        named.*,
        coalesce(models.model_ref, rated_models.model_ref, named.undated, '(none)') as model_key,
        case
            when coalesce(lower(named.service_tier), 'standard') in ('standard', 'default', 'auto') then 'standard'
            else lower(named.service_tier)
        end as tier
    from named
    left join models
        on
            named.provider = models.provider
            and named.model = models.model
    left join rated_models
        on
            named.provider = rated_models.provider
            and named.undated = rated_models.model_ref
),

by_unit as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        coalesce(key_ref, '(none)') as key_ref,
        model_key,
        tier,
        coalesce(token_kind, 'other') as unit,
        quantity,
        coalesce(list_amount_picousd, amount_picousd) as list_picousd
    from keyed
    union all
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        coalesce(key_ref, '(none)') as key_ref,
        model_key,
        tier,
        'requests' as unit,
        requests as quantity,
        0 as list_picousd
    from keyed
    where requests is not null
),

final as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        key_ref,
        model_key,
        tier,
        unit,
        cast(coalesce(sum(quantity), 0) as hugeint) as quantity,
        cast(sum(list_picousd) as hugeint) as list_picousd
    from by_unit
    group by workspace_id, provider, first_day, last_day, key_ref, model_key, tier, unit
)

select * from final
