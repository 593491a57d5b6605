with

buckets as (select * from {{ source('published', 'mart_spend_15min') }}),

workspaces as (select * from {{ source('published', 'dim_workspaces') }}),

build as (select * from {{ source('published', 'build_info') }}),

zones as (select distinct time_zone from workspaces),

days as (
    select
        cast(data_as_of as date)
        - {{ var('analysis_anomaly_days') }} - 7 * {{ var('analysis_anomaly_weeks') }} - 1 as first_day,
        cast(data_as_of as date) + 3 as end_day
    from build
    where data_as_of is not null
),

instants as (
    select unnest(range(cast(first_day as timestamp), cast(end_day as timestamp), interval 15 minutes)) as instant
    from days
),

-- What clocks show is worked out once per zone and instant, not once per row.
clocks as (
    select
        zones.time_zone,
        instants.instant,
        {{ local_time('zones.time_zone', 'instants.instant') }} as local_at
    from zones
    cross join instants
),

hours as (
    select
        time_zone,
        instant,
        -- Two hours of one name where clocks go back are two hours; half-hour zones begin theirs at half past.
        instant - (local_at - date_trunc('hour', local_at)) as hour_starts_at,
        date_trunc('hour', local_at) as local_hour_at
    from clocks
),

final as (
    select
        buckets.workspace_id,
        buckets.project,
        buckets.provider,
        buckets.model,
        hours.hour_starts_at,
        hours.local_hour_at,
        cast(sum(buckets.requests) as bigint) as requests,
        cast(sum(buckets.unpriced_requests) as bigint) as unpriced_requests,
        cast(sum(buckets.cost_logged_millicents) as bigint) as spent_millicents
    from buckets
    inner join workspaces on buckets.workspace_id = workspaces.workspace_id
    inner join hours
        on
            workspaces.time_zone = hours.time_zone
            and buckets.bucket_starts_at = hours.instant
    where buckets.spend_kind = 'metered' and buckets.withheld_reason is null
    group by
        buckets.workspace_id,
        buckets.project,
        buckets.provider,
        buckets.model,
        hours.hour_starts_at,
        hours.local_hour_at
    having sum(buckets.requests) > 0
)

select * from final
