{{
    config(
        materialized='incremental',
        incremental_strategy='after_watermark',
        pre_hook=["{{ point_at_landed_files() }}", "{{ find_repeats_of_built_requests() }}"],
    )
}}

with

-- Which files are read the hooks decided: those since the last good build, and those with the first copies of what came
-- again in them.
files as (
    {{ files_to_read(since=0) }}
),

landed as (select * from {{ source('landing', 'requests') }}),

-- Keys and places alone, read more than once: finding repeats must hold neither whole rows nor all keys.
landed_keys as not materialized (
    select
        landed.workspace_id,
        landed.request_id,
        files.file_seq,
        {{ landed_row_number() }} as file_row_number,
        landed.filename,
        landed.file_row_number as stored_row_number,
        hash(landed.workspace_id, landed.request_id) as key_hash
    from {{ source('landing', 'requests') }} as landed
    inner join files
        on {{ is_row_of_file() }}
    where {{ is_retained() }}
),

new_keys as not materialized (
    select *
    from landed_keys
    where file_seq > {{ since_file_seq() }}
),

crowded_hashes as (
    select key_hash
    from new_keys
    group by key_hash
    having count(*) > 1
),

crowded_keys as (
    select
        new_keys.workspace_id,
        new_keys.request_id,
        new_keys.file_seq,
        new_keys.file_row_number
    from new_keys
    inner join crowded_hashes on new_keys.key_hash = crowded_hashes.key_hash
),

copies_in_new_files as (
    select
        file_seq,
        file_row_number,
        first_value(file_seq) over in_landing_order as first_file_seq,
        first_value(file_row_number) over in_landing_order as first_file_row_number,
        row_number() over in_landing_order as copy_number
    from crowded_keys
    window in_landing_order as (
        partition by workspace_id, request_id
        order by file_seq, file_row_number
    )
),

-- Repeats of requests that were built already.
known_before as (
    {% if is_incremental() and base_segments() %}
        select
            file_seq,
            file_row_number,
            first_file_seq,
            first_file_row_number
        from repeats_of_built_requests
    {% else %}
        select
            file_seq,
            file_row_number,
            file_seq as first_file_seq,
            file_row_number as first_file_row_number
        from crowded_keys
        where false
    {% endif %}
),

pairs as (
    select * from known_before
    union all
    select
        copies_in_new_files.file_seq,
        copies_in_new_files.file_row_number,
        copies_in_new_files.first_file_seq,
        copies_in_new_files.first_file_row_number
    from copies_in_new_files
    where
        copies_in_new_files.copy_number > 1
        and not exists (
            select 1
            from known_before
            where
                known_before.file_seq = copies_in_new_files.file_seq
                and known_before.file_row_number = copies_in_new_files.file_row_number
        )
),

wanted_places as (
    select
        file_seq,
        file_row_number
    from pairs
    union
    select
        first_file_seq as file_seq,
        first_file_row_number as file_row_number
    from pairs
),

stored_places as (
    select
        landed_keys.file_seq,
        landed_keys.file_row_number,
        landed_keys.filename,
        landed_keys.stored_row_number
    from landed_keys
    inner join wanted_places
        on
            landed_keys.file_seq = wanted_places.file_seq
            and landed_keys.file_row_number = wanted_places.file_row_number
),

wanted_rows as (
    select
        landed.* replace (stored_places.file_row_number as file_row_number),
        stored_places.file_seq
    from landed
    inner join stored_places
        on
            landed.filename = stored_places.filename
            and landed.file_row_number = stored_places.stored_row_number
),

copies as materialized (
    select
        {{ landed_columns() }}
    from wanted_rows
),

compared as (
    select
        later_copies.*,
        first_copies.device_id as first_device_id,
        pairs.first_file_seq,
        pairs.first_file_row_number,
        {{ differing_fields('first_copies', 'later_copies') }} as differing_fields
    from pairs
    inner join copies as later_copies
        on
            pairs.file_seq = later_copies.file_seq
            and pairs.file_row_number = later_copies.file_row_number
    inner join copies as first_copies
        on
            pairs.first_file_seq = first_copies.file_seq
            and pairs.first_file_row_number = first_copies.file_row_number
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
