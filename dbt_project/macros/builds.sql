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

{#- Adds to the files pointed at those with requests built earlier that came again in one of them. -#}
{% macro add_files_of_first_copies() -%}
    {%- if base_segments() -%}
    set variable landed_files = (
        select list_concat(getvariable('landed_files'), coalesce(list(distinct files.path), []))
        from read_parquet(getvariable('landed_files'), union_by_name = true) as landed
        inner join {{ built_requests() }} as built
            on
                landed.workspace_id = built.workspace_id
                and landed.request_id = built.request_id
        inner join {{ ref('stg_landed_files') }} as files on built.file_seq = files.file_seq
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
