{#- Picodollars of one token kind: exact integers, null when there are tokens without a price. -#}
{% macro priced(tokens, picousd_per_token) -%}
    case when {{ tokens }} = 0 then 0 else {{ tokens }} * {{ picousd_per_token }} end
{%- endmacro %}
