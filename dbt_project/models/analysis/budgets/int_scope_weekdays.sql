with

scopes as (select * from {{ ref('int_scopes') }}),

days as (select * from {{ ref('int_scope_days') }}),

history as (
    select
        workspace_id,
        scope,
        slug,
        history_days,
        today - cast(unnest(range(1, history_days + 1)) as integer) as local_day
    from scopes
    where history_days >= {{ var('analysis_forecast_days_min') }}
),

spent as (
    select
        history.workspace_id,
        history.scope,
        history.slug,
        history.history_days,
        {{ forecast_weekday('history.local_day', 'history.history_days') }} as iso_weekday,
        cast(coalesce(days.spent_millicents, 0) as hugeint) as spent
    from history
    left join days
        on
            history.workspace_id = days.workspace_id
            and history.scope = days.scope
            and history.slug = days.slug
            and history.local_day = days.local_day
),

final as (
    select
        workspace_id,
        scope,
        slug,
        iso_weekday,
        history_days,
        cast(count(*) as bigint) as day_count,
        -- The mean, half a unit and more rounded up: integers throughout.
        cast((2 * sum(spent) + count(*)) // (2 * count(*)) as bigint) as expected_millicents,
        cast(count(*) * sum(spent * spent) - sum(spent) * sum(spent) as double) / count(*) as squares
    from spent
    group by workspace_id, scope, slug, iso_weekday, history_days
)

select * from final
