{{
    config(
        materialized='view',
        pre_hook=["{{ point_at_landed_files() }}"],
    )
}}

with

files as (
    {{ files_to_read() }}
),

repeats as (select * from {{ ref('stg_request_repeats') }}),

landed as (select * from {{ source('landing', 'requests') }}),

-- The row number has a name before repeats are left out by it: compared as an expression, it would have DuckDB write
-- down all rows first.
placed as (
    select
        landed.* replace ({{ landed_row_number() }} as file_row_number),
        files.file_seq
    from landed
    inner join files
        on {{ is_row_of_file() }}
    where {{ is_retained() }}
),

first_copies as (
    select placed.*
    from placed
    where
        not exists (
            select 1
            from repeats
            where
                repeats.file_seq = placed.file_seq
                and repeats.file_row_number = placed.file_row_number
        )
),

final as (
    select
        {{ landed_columns() }}
    from first_copies
)

select * from final
