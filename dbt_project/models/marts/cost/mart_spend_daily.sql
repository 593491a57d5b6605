{{
    config(
        materialized='incremental',
        incremental_strategy='replace_periods',
        unique_key=['workspace_id', 'local_day'],
        pre_hook=["{{ forget_other_time_zones() }}"],
    )
}}

-- depends_on: {{ ref('stg_projects') }}
with

buckets as not materialized (select * from {{ ref('mart_spend_15min') }}),

workspaces as (select * from {{ ref('dim_workspaces') }}),

local_days as (select * from {{ ref('stg_local_days') }}),

{% if is_incremental() %}
    projects as (select * from {{ ref('stg_projects') }}),
{% endif %}

workspace_days as (
    select
        workspaces.workspace_id,
        workspaces.time_zone,
        local_days.local_day,
        local_days.starts_at,
        local_days.ends_at,
        -- The UTC days a local one touches, so that buckets find their local day by equality.
        cast(unnest(generate_series(
            date_trunc('day', local_days.starts_at),
            local_days.ends_at - interval '1 microsecond',
            interval '1 day'
        )) as date) as utc_day
    from workspaces
    inner join local_days on workspaces.time_zone = local_days.time_zone
),

{% if is_incremental() %}
    {{ stale_periods(this, 'local_day') }}

    stored_workspaces as (select distinct workspace_id from {{ this }}),

    fresh_buckets as (
        select distinct
            workspace_id,
            utc_day,
            bucket_starts_at
        from buckets
        where
            last_file_seq > {{ since_file_seq() }}
            or workspace_id not in (select workspace_id from stored_workspaces)
    ),

    days_to_roll_up as (
        select
            workspace_id,
            local_day
        from stale_periods
        union
        select
            workspace_days.workspace_id,
            workspace_days.local_day
        from fresh_buckets
        inner join workspace_days
            on
                fresh_buckets.workspace_id = workspace_days.workspace_id
                and fresh_buckets.utc_day = workspace_days.utc_day
                and fresh_buckets.bucket_starts_at >= workspace_days.starts_at
                and fresh_buckets.bucket_starts_at < workspace_days.ends_at
    ),
{% endif %}

chosen_days as (
    select workspace_days.*
    from workspace_days
    {% if is_incremental() %}
        inner join days_to_roll_up
            on
                workspace_days.workspace_id = days_to_roll_up.workspace_id
                and workspace_days.local_day = days_to_roll_up.local_day
    {% endif %}
),

dated as (
    select
        buckets.*,
        chosen_days.local_day,
        chosen_days.time_zone
    from buckets
    inner join chosen_days
        on
            buckets.workspace_id = chosen_days.workspace_id
            and buckets.utc_day = chosen_days.utc_day
            and buckets.bucket_starts_at >= chosen_days.starts_at
            and buckets.bucket_starts_at < chosen_days.ends_at
),

final as (
    select
        {{ spend_grain() }},
        local_day,
        time_zone,
        {{ summed_measures() }},
        max(last_file_seq) as last_file_seq,
        max(visibility_version) as visibility_version
    from dated
    group by {{ spend_grain() }}, local_day, time_zone
)

select * from final
