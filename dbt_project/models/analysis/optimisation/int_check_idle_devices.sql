with

spend as (select * from {{ source('published', 'mart_spend_15min') }}),

devices as (select * from {{ source('published', 'dim_devices') }}),

last_used as (
    select
        workspace_id,
        device_id,
        max(utc_day) as last_day
    from spend
    group by workspace_id, device_id
),

idle as (
    select
        devices.workspace_id,
        unnest(range(0, {{ var('analysis_history_windows') }} + 1)) as window_number,
        coalesce(devices.display_name, devices.hostname) as device,
        devices.device_id,
        coalesce(last_used.last_day, cast(devices.paired_at as date)) as last_day
    from devices
    left join last_used
        on
            devices.workspace_id = last_used.workspace_id
            and devices.device_id = last_used.device_id
    where devices.revoked_at is null
),

counted as (
    select
        workspace_id,
        window_number,
        cast(count(*) as bigint) as devices,
        list(device order by last_day, device_id)[:20] as longest_idle,
        max(date_diff('day', last_day, {{ window_until('window_number') }})) as days_idle,
        cast(0 as bigint) as requests,
        0 as spend_picousd,
        cast([] as uuid[]) as sample_request_ids
    from idle
    where date_diff('day', last_day, {{ window_until('window_number') }}) >= {{ var('analysis_idle_days') }}
    group by workspace_id, window_number
),

final as (
    select
        {{ finding(
            'idle_devices',
            '0',
            "case when days_idle >= 90 then 'high' else 'medium' end",
            "format('{:,} paired machines sent nothing for " ~ var('analysis_idle_days')
            ~ " days or more, the longest for {:,}; their keys still open the workspace.', devices, days_idle)",
            '{devices: devices, days_idle: days_idle, names: longest_idle}',
            without=['project', 'provider', 'model'],
        ) }}
    from counted
)

select * from final
