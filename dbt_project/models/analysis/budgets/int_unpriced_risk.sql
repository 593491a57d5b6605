with

requests as (select * from {{ source('published', 'fct_requests') }}),

workspaces as (select * from {{ source('published', 'dim_workspaces') }}),

projects as (select * from {{ source('published', 'dim_projects') }}),

months as (
    select
        workspaces.workspace_id,
        workspaces.time_zone,
        any_value(scopes.local_month) as local_month,
        any_value(scopes.next_month) as next_month
    from workspaces
    inner join {{ ref('int_scopes') }} as scopes on workspaces.workspace_id = scopes.workspace_id
    group by workspaces.workspace_id, workspaces.time_zone
),

unpriced as (
    select
        requests.workspace_id,
        requests.project,
        count(*) as requests,
        count(*) filter (where requests.cost_priced_picousd is null) as unrated_requests,
        coalesce(sum(requests.cost_priced_picousd), 0) as rated_picousd
    from requests
    inner join months on requests.workspace_id = months.workspace_id
    where
        requests.spend_kind = 'metered'
        and requests.withheld_reason is null
        and requests.cost_logged_millicents is null
        and requests.requested_on between months.local_month - 2 and months.next_month + 1
        and cast({{ local_time('months.time_zone', 'requests.requested_at') }} as date) >= months.local_month
        and cast({{ local_time('months.time_zone', 'requests.requested_at') }} as date) < months.next_month
    group by requests.workspace_id, requests.project
),

scoped as (
    select
        *,
        'workspace' as scope,
        '' as slug
    from unpriced
    union all by name
    select
        *,
        'project' as scope,
        project as slug
    from unpriced
    union all by name
    select
        unpriced.*,
        'cost_centre' as scope,
        projects.cost_centre as slug
    from unpriced
    inner join projects
        on
            unpriced.workspace_id = projects.workspace_id
            and unpriced.project = projects.project
    where projects.cost_centre is not null
),

final as (
    select
        workspace_id,
        scope,
        slug,
        cast(sum(requests) as bigint) as requests,
        cast(sum(unrated_requests) as bigint) as unrated_requests,
        -- Up to the next millicent: a risk is not rounded away.
        cast((sum(rated_picousd) + 9999999) // 10000000 as bigint) as rated_millicents
    from scoped
    group by workspace_id, scope, slug
)

select * from final
