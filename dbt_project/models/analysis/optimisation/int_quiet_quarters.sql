with

local_days as (select * from {{ source('published', 'stg_local_days') }}),

quarters as (
    select
        time_zone,
        local_day,
        starts_at as day_starts_at,
        unnest(generate_series(starts_at, ends_at - interval 15 minute, interval 15 minute)) as starts_at
    from local_days
    where local_day between {{ analysis_day() }} - {{ days_analysed() + 1 }} and {{ analysis_day() }} + 3
),

workspaces as (select * from {{ source('published', 'dim_workspaces') }}),

-- Hours are counted from the day's first instant: on a day that is longer or shorter than others they are an hour off.
final as (
    select
        workspaces.workspace_id,
        quarters.starts_at
    from quarters
    inner join workspaces on quarters.time_zone = workspaces.time_zone
    where
        isodow(quarters.local_day) > 5
        or date_diff('minute', quarters.day_starts_at, quarters.starts_at) // 60
        not between {{ var('analysis_working_hours_from') }} and {{ var('analysis_working_hours_until') - 1 }}
)

select * from final
