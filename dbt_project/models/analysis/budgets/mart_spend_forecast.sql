with

scopes as (select * from {{ ref('int_scopes') }}),

days as (select * from {{ ref('mart_spend_forecast_days') }}),

month_ends as (
    select *
    from days
    qualify row_number() over (partition by workspace_id, scope, slug order by local_day desc) = 1
),

final as (
    select
        scopes.workspace_id,
        scopes.scope,
        scopes.slug,
        scopes.local_month,
        scopes.today as as_of_day,
        scopes.history_days,
        case
            when month_ends.workspace_id is not null then 'forecast'
            when scopes.is_unpriced then 'nothing_priced'
            else 'not_enough_data'
        end as state,
        scopes.requests,
        scopes.unpriced_requests,
        scopes.spent_millicents,
        month_ends.expected_millicents,
        month_ends.low_millicents,
        month_ends.high_millicents
    from scopes
    left join month_ends
        on
            scopes.workspace_id = month_ends.workspace_id
            and scopes.scope = month_ends.scope
            and scopes.slug = month_ends.slug
)

select * from final
