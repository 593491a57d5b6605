with

spend as (select * from {{ source('published', 'mart_spend_daily') }}),

projects as (select * from {{ source('published', 'dim_projects') }}),

daily as (
    select
        workspace_id,
        project,
        local_day,
        cast(sum(requests) as bigint) as requests,
        cast(sum(unpriced_requests) as bigint) as unpriced_requests,
        cast(sum(cost_logged_millicents) as bigint) as spent_millicents
    from spend
    where spend_kind = 'metered' and withheld_reason is null
    group by workspace_id, project, local_day
),

scoped as (
    select
        *,
        'workspace' as scope,
        '' as slug
    from daily
    union all by name
    select
        *,
        'project' as scope,
        project as slug
    from daily
    union all by name
    select
        daily.*,
        'cost_centre' as scope,
        projects.cost_centre as slug
    from daily
    inner join projects
        on
            daily.workspace_id = projects.workspace_id
            and daily.project = projects.project
    where projects.cost_centre is not null
),

final as (
    select
        workspace_id,
        scope,
        slug,
        local_day,
        cast(sum(requests) as bigint) as requests,
        cast(sum(unpriced_requests) as bigint) as unpriced_requests,
        cast(sum(spent_millicents) as bigint) as spent_millicents
    from scoped
    group by workspace_id, scope, slug, local_day
    having sum(requests) > 0
)

select * from final
