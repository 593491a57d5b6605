with

devices as (select * from {{ source('exports', 'devices') }}),

final as (
    select
        cast(workspace_id as uuid) as workspace_id,
        cast(device_id as uuid) as device_id,
        hostname,
        display_name,
        platform,
        daemon_version,
        cast(paired_at as timestamp) as paired_at,
        cast(revoked_at as timestamp) as revoked_at
    from devices
)

select * from final
