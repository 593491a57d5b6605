with

budgets as (select * from {{ source('finance', 'budgets') }}),

scopes as (select * from {{ ref('int_scopes') }}),

risks as (select * from {{ ref('int_unpriced_risk') }}),

alerts as (
    select
        budget_id,
        cast(unnest(string_split(alert_percent, ',')) as integer) as alert_percent
    from budgets
    where alert_percent is not null
),

joined as (
    select
        budgets.workspace_id,
        budgets.budget_id,
        budgets.scope,
        scopes.slug,
        scopes.local_month,
        budgets.monthly_millicents,
        scopes.spent_millicents,
        scopes.requests,
        scopes.unpriced_requests,
        coalesce(risks.rated_millicents, 0) as unpriced_rated_millicents,
        coalesce(risks.unrated_requests, 0) as unpriced_unrated_requests,
        scopes.requests - scopes.unpriced_requests as priced_requests
    from budgets
    inner join scopes
        on
            budgets.workspace_id = scopes.workspace_id
            and budgets.scope = scopes.scope
            and coalesce(budgets.slug, '') = scopes.slug
    left join risks
        on
            budgets.workspace_id = risks.workspace_id
            and budgets.scope = risks.scope
            and coalesce(budgets.slug, '') = risks.slug
),

reached as (
    select
        joined.budget_id,
        list(alerts.alert_percent order by alerts.alert_percent) as percents
    from joined
    inner join alerts on joined.budget_id = alerts.budget_id
    where
        joined.spent_millicents > 0
        and cast(joined.spent_millicents as hugeint) * 100
        >= cast(joined.monthly_millicents as hugeint) * alerts.alert_percent
    group by joined.budget_id
),

final as (
    select
        joined.workspace_id,
        joined.budget_id,
        joined.scope,
        joined.slug,
        joined.local_month,
        joined.monthly_millicents,
        joined.spent_millicents,
        coalesce(reached.percents, []) as reached_percents,
        joined.requests,
        joined.unpriced_requests,
        joined.unpriced_rated_millicents,
        joined.unpriced_unrated_requests,
        case
            when joined.unpriced_unrated_requests = 0 then joined.unpriced_rated_millicents
            when joined.priced_requests > 0
                then cast(
                    joined.unpriced_rated_millicents
                    + (
                        cast(joined.unpriced_unrated_requests as hugeint) * joined.spent_millicents
                        + joined.priced_requests - 1
                    ) // joined.priced_requests
                    as bigint
                )
        end as unpriced_risk_millicents
    from joined
    left join reached on joined.budget_id = reached.budget_id
)

select * from final
