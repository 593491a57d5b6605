with

budgets as (select * from {{ ref('mart_budget_status') }}),

forecasts as (select * from {{ ref('mart_spend_forecast') }}),

open_days as (select * from {{ ref('mart_spend_forecast_days') }}),

days as (select * from {{ ref('int_scope_days') }}),

spent_by_day as (
    select
        budgets.budget_id,
        budgets.monthly_millicents,
        days.local_day,
        sum(days.spent_millicents) over (
            partition by budgets.budget_id
            order by days.local_day
        ) as spent_millicents
    from budgets
    inner join days
        on
            budgets.workspace_id = days.workspace_id
            and budgets.scope = days.scope
            and budgets.slug = days.slug
            and budgets.local_month <= days.local_day
            and budgets.local_month + interval 1 month > days.local_day
),

crossed as (
    select
        budget_id,
        min(local_day) as crossed_day
    from spent_by_day
    where spent_millicents > 0 and spent_millicents >= monthly_millicents
    group by budget_id
),

crossing as (
    select
        budgets.budget_id,
        min(open_days.local_day) filter (
            where open_days.expected_millicents > 0 and open_days.expected_millicents >= budgets.monthly_millicents
        ) as crossing_day,
        min(open_days.local_day) filter (
            where open_days.high_millicents > 0 and open_days.high_millicents >= budgets.monthly_millicents
        ) as earliest_crossing_day
    from budgets
    inner join open_days
        on
            budgets.workspace_id = open_days.workspace_id
            and budgets.scope = open_days.scope
            and budgets.slug = open_days.slug
    group by budgets.budget_id
),

final as (
    select
        budgets.workspace_id,
        budgets.budget_id,
        budgets.scope,
        budgets.slug,
        budgets.local_month,
        forecasts.as_of_day,
        budgets.monthly_millicents,
        forecasts.spent_millicents,
        forecasts.state,
        forecasts.history_days,
        forecasts.expected_millicents,
        forecasts.low_millicents,
        forecasts.high_millicents,
        -- Nothing spent crosses nothing, not even a budget of zero.
        budgets.spent_millicents > 0 and budgets.spent_millicents >= budgets.monthly_millicents as is_crossed,
        coalesce(crossed.crossed_day, crossing.crossing_day) as crossing_day,
        coalesce(crossed.crossed_day, crossing.earliest_crossing_day) as earliest_crossing_day
    from budgets
    inner join forecasts
        on
            budgets.workspace_id = forecasts.workspace_id
            and budgets.scope = forecasts.scope
            and budgets.slug = forecasts.slug
    left join crossed on budgets.budget_id = crossed.budget_id
    left join crossing on budgets.budget_id = crossing.budget_id
)

select * from final
