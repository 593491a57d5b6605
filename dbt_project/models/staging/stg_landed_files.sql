with

landed_files as (select * from {{ source('exports', 'landed_files') }}),

final as (
    select
        cast(file_seq as bigint) as file_seq,
        cast(workspace_id as uuid) as workspace_id,
        path,
        cast(origin_file_seq as bigint) as origin_file_seq,
        cast(retained_from as date) as retained_from,
        cast(row_count as bigint) as row_count,
        sha256
    from landed_files
)

select * from final
