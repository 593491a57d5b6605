{#- The windows that clusters and checks look at: the last `analysis_window_days` days, which is window 0, and as many
    windows before it as `analysis_history_windows` says. Days are UTC days; what a laptop dated ahead is in window 0. -#}

{% macro analysis_day() -%} cast(cast('{{ var("analysis_as_of") }}' as timestamp) as date) {%- endmacro %}

{% macro window_number(day) -%}
    greatest(date_diff('day', {{ day }}, {{ analysis_day() }}), 0) // {{ var('analysis_window_days') }}
{%- endmacro %}

{% macro days_analysed() -%}
    {{ return(var('analysis_window_days') | int * (1 + var('analysis_history_windows') | int)) }}
{%- endmacro %}

{% macro is_analysed(day) -%} {{ day }} > {{ analysis_day() }} - {{ days_analysed() }} {%- endmacro %}

{#- First and last UTC day of a window. -#}
{% macro window_from(number) -%}
    cast({{ analysis_day() }} - cast({{ number }} + 1 as integer) * {{ var('analysis_window_days') }} + 1 as date)
{%- endmacro %}

{% macro window_until(number) -%}
    cast({{ analysis_day() }} - cast({{ number }} as integer) * {{ var('analysis_window_days') }} as date)
{%- endmacro %}
