with

daily as (select * from {{ ref('mart_spend_daily') }}),

dated as (
    select
        *,
        cast(date_trunc('month', local_day) as date) as local_month
    from daily
),

final as (
    select
        {{ spend_grain() }},
        local_month,
        time_zone,
        {{ summed_measures() }}
    from dated
    group by {{ spend_grain() }}, local_month, time_zone
)

select * from final
