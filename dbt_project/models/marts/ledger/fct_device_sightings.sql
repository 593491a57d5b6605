with

repeats as (select * from {{ ref('stg_request_repeats') }}),

final as (
    select
        workspace_id,
        request_id,
        device_id,
        first_device_id,
        first_file_seq,
        first_file_row_number,
        min(received_at) as first_received_at,
        min(file_seq) as first_sighting_file_seq
    from repeats
    where
        not is_conflict
        and device_id <> first_device_id
    group by all
)

select * from final
