{#- What a build is told: the watermark of the last good one, and where its inputs lie. -#}

{% macro since_file_seq() -%}
    {{ var('since_file_seq', 0) | int }}
{%- endmacro %}

{#- Folder of the exports, for sources.yml; a variable, because sources are read while parsing and vars are not. -#}
{% macro point_at_exports() -%}
    set variable exports_dir = '{{ var("exports_dir", "") | replace("'", "''") }}'
{%- endmacro %}

{#- Where the rows of the ledger's files since the last good build lie, each place once, oldest first, behind a file
    without rows, which keeps the list typed. -#}
{% macro point_at_landed_files() -%}
    set variable landed_files = (
        select list_prepend(
            getvariable('exports_dir') || '/../landing/empty.parquet',
            coalesce(list(path order by first_file_seq), [])
        )
        from (
            select
                path,
                min(file_seq) as first_file_seq
            from read_parquet(getvariable('exports_dir') || '/landed_files.parquet')
            where file_seq > {{ since_file_seq() }} and path is not null
            group by path
        )
    )
{%- endmacro %}

{#- Finds the rows of the files pointed at that came again: their requests were built earlier. The keys of all facts are read
    for it, so it is done once, into a table that lasts as long as the connection; and the files with the first copies are
    added to those pointed at. -#}
{% macro find_repeats_of_built_requests() -%}
    {%- if base_segments() -%}
    create or replace temporary table repeats_of_built_requests as
    with

    files as (
        {{ files_to_read() }}
    ),

    new_keys as (
        select
            landed.workspace_id,
            landed.request_id,
            files.file_seq,
            {{ landed_row_number() }} as file_row_number
        from {{ source('landing', 'requests') }} as landed
        inner join files
            on {{ is_row_of_file() }}
        where {{ is_retained() }}
    )

    select
        new_keys.file_seq,
        new_keys.file_row_number,
        built.file_seq as first_file_seq,
        built.file_row_number as first_file_row_number
    from new_keys
    inner join {{ built_requests() }} as built
        on
            new_keys.workspace_id = built.workspace_id
            and new_keys.request_id = built.request_id;
    set variable landed_files = (
        select list_concat(getvariable('landed_files'), coalesce(list(distinct files.path), []))
        from repeats_of_built_requests
        inner join {{ ref('stg_landed_files') }} as files on repeats_of_built_requests.first_file_seq = files.file_seq
        where files.path is not null
    )
    {%- endif -%}
{%- endmacro %}

{#- The same for files given by name. -#}
{% macro point_at_files(paths) -%}
    set variable landed_files = list_prepend(
        getvariable('exports_dir') || '/../landing/empty.parquet',
        [{% for path in paths %}{{ text_literal(path) }}{{ ', ' if not loop.last }}{% endfor %}]::varchar[]
    )
{%- endmacro %}
