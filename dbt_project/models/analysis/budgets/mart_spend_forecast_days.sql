{% set z = var('analysis_forecast_z') %}

with

scopes as (select * from {{ ref('int_scopes') }}),

weekdays as (select * from {{ ref('int_scope_weekdays') }}),

days as (select * from {{ ref('int_scope_days') }}),

noise as (
    select
        workspace_id,
        scope,
        slug,
        any_value(history_days) - count(*) as freedom,
        sum(squares) / (any_value(history_days) - count(*)) as variance
    from weekdays
    group by workspace_id, scope, slug
),

open_days as (
    select
        workspace_id,
        scope,
        slug,
        local_month,
        spent_millicents,
        history_days,
        today + cast(unnest(range(0, next_month - today)) as integer) as local_day
    from scopes
    where history_days >= {{ var('analysis_forecast_days_min') }} and not is_unpriced
),

expected as (
    select
        open_days.workspace_id,
        open_days.scope,
        open_days.slug,
        open_days.local_month,
        open_days.local_day,
        open_days.spent_millicents,
        weekdays.day_count,
        row_number() over (
            partition by open_days.workspace_id, open_days.scope, open_days.slug, weekdays.iso_weekday
            order by open_days.local_day
        ) as seen,
        -- What the day has already (today has begun, a laptop's clock may run ahead) is not expected again.
        greatest(0, weekdays.expected_millicents - coalesce(days.spent_millicents, 0)) as rest_millicents
    from open_days
    inner join weekdays
        on
            open_days.workspace_id = weekdays.workspace_id
            and open_days.scope = weekdays.scope
            and open_days.slug = weekdays.slug
            and {{ forecast_weekday('open_days.local_day', 'open_days.history_days') }} = weekdays.iso_weekday
    left join days
        on
            open_days.workspace_id = days.workspace_id
            and open_days.scope = days.scope
            and open_days.slug = days.slug
            and open_days.local_day = days.local_day
),

added_up as (
    select
        workspace_id,
        scope,
        slug,
        local_month,
        local_day,
        spent_millicents,
        spent_millicents + sum(rest_millicents) over until_then as expected_millicents,
        -- Of every day its own noise, and of each weekday's mean, which several days share, its uncertainty.
        count(*) over until_then + sum((2 * seen - 1) / day_count) over until_then as variances
    from expected
    window until_then as (
        partition by workspace_id, scope, slug
        order by local_day
        rows between unbounded preceding and current row
    )
),

widened as (
    select
        added_up.*,
        cast(round(
            {{ student_quantile(z, 'noise.freedom') }} * sqrt(noise.variance * added_up.variances)
        ) as bigint) as half_millicents
    from added_up
    inner join noise
        on
            added_up.workspace_id = noise.workspace_id
            and added_up.scope = noise.scope
            and added_up.slug = noise.slug
),

final as (
    select
        workspace_id,
        scope,
        slug,
        local_month,
        local_day,
        cast(expected_millicents as bigint) as expected_millicents,
        cast(greatest(spent_millicents, expected_millicents - half_millicents) as bigint) as low_millicents,
        cast(expected_millicents + half_millicents as bigint) as high_millicents
    from widened
)

select * from final
