with

landed_batches as (select * from {{ source('exports', 'landed_batches') }}),

final as (
    select
        cast(batch_key as uuid) as batch_key,
        batch_id,
        cast(workspace_id as uuid) as workspace_id,
        cast(device_id as uuid) as device_id,
        cast(file_seq as bigint) as file_seq,
        cast(received_at as timestamp) as received_at,
        cast(received_count as bigint) as received_count,
        cast(landed_count as bigint) as landed_count,
        cast(duplicate_count as bigint) as duplicate_count,
        cast(quarantined_count as bigint) as quarantined_count
    from landed_batches
)

select * from final
