-- 15 minutes, days and months hold the same spend, whatever the workspace's zone.
with

quarter_hours as (select * from {{ ref('mart_spend_15min') }}),

days as (select * from {{ ref('mart_spend_daily') }}),

months as (select * from {{ ref('mart_spend_monthly') }}),

by_quarter_hour as (
    select
        workspace_id,
        {{ summed_measures() }}
    from quarter_hours
    group by workspace_id
),

by_day as (
    select
        workspace_id,
        {{ summed_measures() }}
    from days
    group by workspace_id
),

by_month as (
    select
        workspace_id,
        {{ summed_measures() }}
    from months
    group by workspace_id
),

final as (
    (select * from by_quarter_hour except select * from by_day)
    union all
    (select * from by_day except select * from by_quarter_hour)
    union all
    (select * from by_day except select * from by_month)
    union all
    (select * from by_month except select * from by_day)
)

select * from final
