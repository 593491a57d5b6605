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

landed as (select * from {{ source('landing', 'requests') }}),

-- Only the keys, in scans of their own: finding repeats must hold neither whole rows nor all keys.
landed_keys as not materialized (
    select
        landed.workspace_id,
        landed.request_id,
        files.file_seq,
        {{ landed_row_number() }} as file_row_number,
        hash(landed.workspace_id, landed.request_id) as key_hash
    from {{ source('landing', 'requests') }} as landed
    inner join files
        on
            {{ is_row_of_file() }}
            and {{ is_retained() }}
),

crowded_hashes as (
    select key_hash
    from landed_keys
    group by key_hash
    having count(*) > 1
),

crowded_copies as (
    select
        landed_keys.file_seq,
        landed_keys.file_row_number,
        row_number() over (
            partition by landed_keys.workspace_id, landed_keys.request_id
            order by landed_keys.file_seq, landed_keys.file_row_number
        ) as copy_number
    from landed_keys
    inner join crowded_hashes on landed_keys.key_hash = crowded_hashes.key_hash
),

later_copies as (
    select
        file_seq,
        file_row_number
    from crowded_copies
    where copy_number > 1
    {% if is_incremental() %}
        union
        select
            landed_keys.file_seq,
            landed_keys.file_row_number
        from landed_keys
        inner join {{ this }} as kept
            on
                landed_keys.workspace_id = kept.workspace_id
                and landed_keys.request_id = kept.request_id
        where kept.file_seq <= {{ since_file_seq() }}
    {% endif %}
),

first_copies as (
    select
        landed.* replace ({{ landed_row_number() }} as file_row_number),
        files.file_seq
    from landed
    inner join files
        on
            {{ is_row_of_file() }}
            and {{ is_retained() }}
    where
        not exists (
            select 1
            from later_copies
            where
                later_copies.file_seq = files.file_seq
                and later_copies.file_row_number = {{ landed_row_number() }}
        )
),

final as (
    select
        {{ landed_columns() }}
    from first_copies
)

select * from final
