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

batches as (select * from {{ ref('stg_batches') }}),

landed as (select * from {{ source('landing', 'requests') }}),

-- Files of workspaces that keep everything are not joined, and so not read.
limited as (
    select *
    from files
    where path is not null and retained_from is not null
),

dropped as (
    select *
    from files
    where path is null
),

found as (
    select
        landed.workspace_id,
        landed.batch_key,
        files.file_seq,
        count(*) as expired_count
    from landed
    inner join limited as files
        on
            {{ is_row_of_file() }}
            and not {{ is_retained() }}
    group by all
),

-- A file is dropped when all of its rows are past the horizon: what the door counted is what expired.
known as (
    select
        batches.workspace_id,
        batches.batch_key,
        batches.file_seq,
        batches.landed_count as expired_count
    from batches
    inner join dropped on batches.file_seq = dropped.file_seq
    where batches.landed_count > 0
),

final as (
    select * from found
    union all
    select * from known
)

select * from final
