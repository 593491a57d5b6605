{{
    config(
        materialized='incremental',
        incremental_strategy='after_watermark',
        pre_hook=["{{ point_at_landed_files() }}"],
    )
}}

with

files as (
    {{ files_to_read() }}
),

-- Read three times for different columns; materialized it would be held whole.
requests as not materialized (select * from {{ ref('stg_requests') }}),

landed as (select * from {{ source('landing', 'requests') }}),

-- What landed and is no first copy; positions alone, so that the scan reads next to nothing.
repeat_positions as (
    select
        files.file_seq,
        {{ landed_row_number() }} as file_row_number,
        landed.filename,
        landed.file_row_number as stored_row_number
    from {{ source('landing', 'requests') }} as landed
    inner join files
        on
            {{ is_row_of_file() }}
            and {{ is_retained() }}
    where
        not exists (
            select 1
            from requests
            where
                requests.file_seq = files.file_seq
                and requests.file_row_number = {{ landed_row_number() }}
                and requests.file_seq > {{ since_file_seq() }}
        )
),

repeated as (
    select
        landed.* replace (repeat_positions.file_row_number as file_row_number),
        repeat_positions.file_seq
    from landed
    inner join repeat_positions
        on
            landed.filename = repeat_positions.filename
            and landed.file_row_number = repeat_positions.stored_row_number
),

later_copies as (
    select
        {{ landed_columns() }}
    from repeated
),

-- By key first and then by position: the first copies of a few keys are found without reading whole rows of the rest.
first_positions as (
    select distinct
        requests.file_seq,
        requests.file_row_number
    from requests
    inner join later_copies
        on
            requests.workspace_id = later_copies.workspace_id
            and requests.request_id = later_copies.request_id
),

first_copies as (
    select requests.*
    from requests
    inner join first_positions
        on
            requests.file_seq = first_positions.file_seq
            and requests.file_row_number = first_positions.file_row_number
),

compared as (
    select
        later_copies.*,
        first_copies.device_id as first_device_id,
        first_copies.file_seq as first_file_seq,
        first_copies.file_row_number as first_file_row_number,
        {{ differing_fields('first_copies', 'later_copies') }} as differing_fields
    from later_copies
    inner join first_copies
        on
            later_copies.workspace_id = first_copies.workspace_id
            and later_copies.request_id = first_copies.request_id
),

final as (
    select
        workspace_id,
        request_id,
        device_id,
        batch_key,
        row_index,
        received_at,
        requested_at,
        recorded_at,
        len(differing_fields) > 0 as is_conflict,
        differing_fields,
        first_device_id,
        first_file_seq,
        first_file_row_number,
        file_seq,
        file_row_number
    from compared
)

select * from final
