{#- Wall-clock time of a zone at an instant that stands as UTC without a zone. -#}
{% macro local_time(time_zone, instant) -%} timezone({{ time_zone }}, timezone('UTC', {{ instant }})) {%- endmacro %}

{#- The upper quantile of Student's distribution, from that of the normal one (Cornish and Fisher's expansion). -#}
{% macro student_quantile(z, freedom) -%}
    (
        {{ z }}
        + (pow({{ z }}, 3) + {{ z }}) / (4 * {{ freedom }})
        + (5 * pow({{ z }}, 5) + 16 * pow({{ z }}, 3) + 3 * {{ z }}) / (96 * pow({{ freedom }}, 2))
    )
{%- endmacro %}

{#- The group of days a day is forecast by: its ISO weekday, or all days (0) while there are fewer than two weeks. -#}
{% macro forecast_weekday(day, history_days) -%}
    cast(case when {{ history_days }} >= 14 then isodow({{ day }}) else 0 end as integer)
{%- endmacro %}
