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

all_three as (
    select * from by_quarter_hour
    intersect
    select * from by_day
    intersect
    select * from by_month
),

either as (
    select * from by_quarter_hour
    union
    select * from by_day
    union
    select * from by_month
),

final as (
    select * from either
    except
    select * from all_three
)

select * from final
