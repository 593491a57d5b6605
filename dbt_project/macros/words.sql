{#- Text of few different words, told to DuckDB as enumerations while the facts are sorted and written: numbers move instead
    of text, and Parquet's dictionaries need not be found again for every row group. Files hold text all the same. -#}

{#- Learns the words of the landed files pointed at and returns the columns that have few enough. Every word a request can
    have is among them: an enumeration refuses any other, and with it the build. -#}
{% macro learn_words() -%}
    {%- set landed = [
        'project', 'provider', 'model', 'status', 'request_kind', 'attribution_method', 'source_machine', 'error_class',
        'billing_basis',
    ] -%}
    {%- set rated = ['model_ref', 'rate_id'] -%}
    {%- set derived = ['service_tier', 'spend_kind'] -%}
    {%- set query -%}
        create or replace temp table words as
        with

        landed as (
            select
                {%- for column in landed %}
                list(distinct {{ column }}) as {{ column }}{{ ',' if not loop.last }}
                {%- endfor %}
            from {{ source('landing', 'requests') }}
        ),

        rates as (
            select
                {%- for column in rated %}
                list(distinct {{ column }}) as {{ column }}{{ ',' if not loop.last }}
                {%- endfor %}
            from {{ ref('int_model_rates') }}
        ),

        tiers as (
            select list(distinct service_tier) as service_tier
            from {{ ref('stg_rate_book') }}
        )

        select
            landed.*,
            rates.*,
            list_distinct(list_append(tiers.service_tier, 'standard')) as service_tier,
            list_distinct(list_append(landed.billing_basis, 'metered')) as spend_kind
        from landed
        cross join rates
        cross join tiers
    {%- endset -%}
    {%- do run_query(query) -%}
    {%- set columns = landed + rated + derived -%}
    {%- set counts = run_query('select coalesce(len(' ~ columns | join('), 0), coalesce(len(') ~ '), 0) from words').rows[0] -%}
    {%- set worded = [] -%}
    {%- for column, count in zip(columns, counts) if 0 < count <= most_words() -%}
        {%- do run_query(
            'create or replace temp type ' ~ words_of(column)
            ~ ' as enum (select unnest(' ~ column ~ ') as word from words order by word)'
        ) -%}
        {%- do worded.append(column) -%}
    {%- endfor -%}
    {{ return(worded) }}
{%- endmacro %}

{#- The name of a column's enumeration. -#}
{% macro words_of(column) -%} words_of_{{ column }} {%- endmacro %}

{#- More than these would weigh on every row group, which holds all of them. -#}
{% macro most_words() -%} {{ return(var('most_words', 4096) | int) }} {%- endmacro %}
