with

spend as (select * from {{ source('published', 'mart_spend_15min') }}),

projects as (select * from {{ source('published', 'dim_projects') }}),

last_used as (
    select
        workspace_id,
        project,
        max(utc_day) as last_day,
        sum(requests) as all_requests
    from spend
    where withheld_reason is null
    group by workspace_id, project
),

-- It is told once a window from the day it has been idle for long enough.
idle as (
    select
        projects.workspace_id,
        unnest(range(0, {{ var('analysis_history_windows') }} + 1)) as window_number,
        projects.project,
        last_used.last_day,
        last_used.all_requests
    from projects
    inner join last_used
        on
            projects.workspace_id = last_used.workspace_id
            and projects.project = last_used.project
    where projects.withheld_since is null
),

counted as (
    select
        *,
        cast(0 as bigint) as requests,
        0 as spend_picousd,
        date_diff('day', last_day, {{ window_until('window_number') }}) as days_idle,
        cast([] as uuid[]) as sample_request_ids
    from idle
    where days_idle >= {{ var('analysis_idle_days') }}
),

final as (
    select
        {{ finding(
            'idle_projects',
            '0',
            "case when days_idle >= 90 then 'high' else 'medium' end",
            "format('Its last request was {:,} days ago, on {}.', days_idle, strftime(last_day, '%Y-%m-%d'))",
            "{days_idle: days_idle, last_day: strftime(last_day, '%Y-%m-%d'), requests_ever: cast(all_requests as bigint)}",
            without=['provider', 'model'],
        ) }}
    from counted
)

select * from final
