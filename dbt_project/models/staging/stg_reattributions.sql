with

reattributions as (select * from {{ source('exports', 'reattributions') }}),

final as (
    select
        cast(workspace_id as uuid) as workspace_id,
        cast(reattribution_id as uuid) as reattribution_id,
        cast(decision_number as bigint) as decision_number,
        from_project,
        to_project,
        cast(device_id as uuid) as device_id,
        coalesce(cast(starts_at as timestamp), timestamp '1970-01-01') as starts_at,
        coalesce(cast(ends_at as timestamp), timestamp '9999-12-31') as ends_at
    from reattributions
)

select * from final
