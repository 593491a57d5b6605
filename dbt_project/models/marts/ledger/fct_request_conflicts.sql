with

repeats as (select * from {{ ref('stg_request_repeats') }}),

final as (
    select
        workspace_id,
        request_id,
        device_id,
        batch_key,
        row_index,
        received_at,
        'conflicting_duplicate' as code,
        differing_fields,
        first_device_id,
        first_file_seq,
        first_file_row_number,
        file_seq,
        file_row_number
    from repeats
    where is_conflict
)

select * from final
