{#- Incremental strategies. Both forget first what an aborted build left behind: everything after the watermark. -#}

{% macro insert_from(target, source, columns) -%}
    {%- set names = get_quoted_csv(columns | map(attribute='name')) -%}
    insert into {{ target }} ({{ names }}) (select {{ names }} from {{ source }})
{%- endmacro %}

{#- For rows that carry their file_seq: the temporary relation holds the rows of all files after the watermark. -#}
{% macro get_incremental_after_watermark_sql(arg_dict) -%}
    delete from {{ arg_dict['target_relation'] }} where file_seq > {{ since_file_seq() }};
    {{ insert_from(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns']) }}
{%- endmacro %}

{#- For roll-ups: the temporary relation holds whole periods (the unique_key), each replacing what is stored of it. -#}
{% macro get_incremental_replace_periods_sql(arg_dict) -%}
    {%- set period = arg_dict['unique_key'] | join(', ') -%}
    delete from {{ arg_dict['target_relation'] }}
    where
        last_file_seq > {{ since_file_seq() }}
        or ({{ period }}) in (select distinct {{ period }} from {{ arg_dict['temp_relation'] }});
    {{ insert_from(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns']) }}
{%- endmacro %}

{#- A workspace that changed its reporting zone gets all its days anew. -#}
{% macro forget_other_time_zones() -%}
    {% if is_incremental() %}
    delete from {{ this }}
    where (workspace_id, time_zone) not in (select workspace_id, time_zone from {{ ref('dim_workspaces') }})
    {% endif %}
{%- endmacro %}
