{#- What every spend mart counts; money in integers, the three monies only ever apart (see spend_kind). -#}

{% macro measures() -%}
    {{ return([
        'requests',
        'unpriced_requests',
        'unrated_requests',
        'error_requests',
        'cost_logged_millicents',
        'cost_priced_picousd',
        'input_tokens',
        'output_tokens',
        'thinking_tokens',
        'cached_tokens',
        'cache_write_tokens',
        'uncached_input_tokens',
        'cache_read_tokens',
        'cache_write_5m_tokens',
        'cache_write_1h_tokens',
        'billable_output_tokens',
    ]) }}
{%- endmacro %}

{#- The measures of a group of requests. Counts are sums of hugeint too, so that they add up the same in every mart. -#}
{% macro measured_requests() %}
    cast(count(*) as hugeint) as requests,
    cast(count(*) filter (where cost_logged_millicents is null) as hugeint) as unpriced_requests,
    cast(count(*) filter (where cost_priced_picousd is null) as hugeint) as unrated_requests,
    cast(count(*) filter (where status <> 'success') as hugeint) as error_requests,
    {%- for measure in measures()[4:] %}
    coalesce(sum({{ measure }}), 0) as {{ measure }}{{ ',' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- The measures of a group of rows that have them already. -#}
{% macro summed_measures() %}
    {%- for measure in measures() %}
    sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- Columns that say what money and whose: the grain of every spend mart beside its period. -#}
{% macro spend_grain() -%}
    workspace_id, project, provider, model, device_id, spend_kind, withheld_reason
{%- endmacro %}

{#- An upper bound no count of tokens reaches. -#}
{% macro no_upper_limit() -%} 9223372036854775807 {%- endmacro %}
