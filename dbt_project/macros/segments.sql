{#- The facts as Parquet files, each sorted: what readers are given, written once and read by everything downstream. Beside
    the new files stand those of the build this one goes on from; the model is a view over both.

    Files come in runs of landed ones, so that each is sorted in memory. Publishing gives them their names. -#}

{% materialization segments, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- do get_assert_columns_equivalent(sql) -%}

    {%- set files = base_segments() -%}
    {%- for run in runs_of_landed_files(var('rows_sorted_at_once', 1000000)) if run.paths or not files -%}
        {%- set file = var('segments_dir') ~ '/' ~ var('new_segments_prefix', '.tmp-new-') ~ loop.index ~ '-new.parquet' -%}
        {%- do run_query(point_at_files(run.paths)) -%}
        {%- set worded = learn_words() if run.row_count >= var('rows_worth_words', 50000) else [] -%}
        {% call statement('write_' ~ loop.index) -%}
            copy (
                select
                    {%- for column in model.columns %}
                    {% if column in worded %}cast({{ column }} as {{ words_of(column) }}) as {% endif -%}
                    {{ column }}{{ ',' if not loop.last }}
                    {%- endfor %}
                from ({{ sql }}) as requests
                order by {{ config.require('sorted_by') | join(', ') }}
            ) to {{ text_literal(file) }} (
                {{ var('segment_options', 'format parquet, compression zstd') }}
            )
        {%- endcall %}
        {%- do files.append(file) -%}
    {%- endfor -%}

    {% call statement('main') -%}
        create or replace view {{ target_relation }} as
        select * from read_parquet([{% for file in files %}{{ text_literal(file) }}{{ ', ' if not loop.last }}{% endfor %}])
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- The files since the last good build, oldest first, in runs of about so many rows; one empty run when there are none. -#}
{% macro runs_of_landed_files(row_count) -%}
    {%- set query -%}
        select
            path,
            sum(row_count) as row_count
        from {{ ref('stg_landed_files') }}
        where file_seq > {{ since_file_seq() }} and path is not null
        group by path
        order by min(file_seq)
    {%- endset -%}
    {%- set runs = [{'paths': [], 'row_count': 0}] -%}
    {%- for path, rows in (run_query(query).rows if execute else []) -%}
        {%- if runs[-1].paths and runs[-1].row_count + rows > row_count -%}
            {%- do runs.append({'paths': [], 'row_count': 0}) -%}
        {%- endif -%}
        {%- do runs[-1].paths.append(path) -%}
        {%- do runs[-1].update({'row_count': runs[-1].row_count + rows}) -%}
    {%- endfor -%}
    {{ return(runs) }}
{%- endmacro %}

{% macro text_literal(text) -%} '{{ text | replace("'", "''") }}' {%- endmacro %}

{#- The files with the facts of the build this one goes on from; none for a full one. -#}
{% macro base_segments() -%}
    {%- if since_file_seq() | int == 0 -%}
        {{ return([]) }}
    {%- elif var('base_segments', none) is none -%}
        {{ exceptions.raise_compiler_error('an incremental build needs the variable base_segments: the files to go on from') }}
    {%- endif -%}
    {{ return(var('base_segments') | list) }}
{%- endmacro %}

{#- The facts of the build this one goes on from, to be read. -#}
{% macro built_requests() -%}
    {%- if base_segments() -%}
        read_parquet([{% for file in base_segments() %}{{ text_literal(file) }}{{ ', ' if not loop.last }}{% endfor %}])
    {%- else -%}
        (
            select
                null::uuid as workspace_id,
                null::uuid as request_id,
                null::bigint as file_seq,
                null::bigint as file_row_number
            where false
        )
    {%- endif -%}
{%- endmacro %}
