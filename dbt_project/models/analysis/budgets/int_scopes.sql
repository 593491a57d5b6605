with

workspaces as (select * from {{ source('published', 'dim_workspaces') }}),

budgets as (select * from {{ source('finance', 'budgets') }}),

days as (select * from {{ ref('int_scope_days') }}),

calendar as (
    select
        workspace_id,
        cast({{ local_time('time_zone', "cast('" ~ var('analysis_as_of') ~ "' as timestamp)") }} as date) as today
    from workspaces
),

named as (
    select
        workspace_id,
        scope,
        slug
    from days
    union
    select
        workspace_id,
        scope,
        coalesce(slug, '') as slug
    from budgets
),

dated as (
    select
        named.workspace_id,
        named.scope,
        named.slug,
        calendar.today,
        cast(date_trunc('month', calendar.today) as date) as local_month,
        cast(date_trunc('month', calendar.today) + interval 1 month as date) as next_month
    from named
    inner join calendar on named.workspace_id = calendar.workspace_id
),

placed as (
    select
        dated.*,
        days.local_day,
        days.requests,
        days.unpriced_requests,
        days.spent_millicents,
        coalesce(days.local_day >= dated.local_month and days.local_day < dated.next_month, false) as is_this_month,
        coalesce(days.local_day >= dated.today - {{ var('analysis_forecast_days') }}, false) as is_recent
    from dated
    left join days
        on
            dated.workspace_id = days.workspace_id
            and dated.scope = days.scope
            and dated.slug = days.slug
),

final as (
    select
        workspace_id,
        scope,
        slug,
        today,
        local_month,
        next_month,
        cast(coalesce(sum(requests) filter (where is_this_month), 0) as bigint) as requests,
        cast(coalesce(sum(unpriced_requests) filter (where is_this_month), 0) as bigint) as unpriced_requests,
        cast(coalesce(sum(spent_millicents) filter (where is_this_month), 0) as bigint) as spent_millicents,
        coalesce(sum(requests) filter (where is_recent), 0) > 0
        and coalesce(sum(requests - unpriced_requests) filter (where is_recent), 0) = 0 as is_unpriced,
        cast(greatest(0, least(coalesce(today - min(local_day), 0), {{ var('analysis_forecast_days') }})) as integer)
            as history_days
    from placed
    group by workspace_id, scope, slug, today, local_month, next_month
)

select * from final
