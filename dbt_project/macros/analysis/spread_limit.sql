{#- The most that is still usual: the median and some deviations. 1.4826 median absolute deviations are one standard
    deviation where spend is normal; where it never varies, a tenth of the median stands for it. -#}
{% macro spread_limit(middle, deviation, spread) -%}
    {{ middle }} + {{ spread }} * greatest(1.4826 * {{ deviation }}, 0.1 * {{ middle }})
{%- endmacro %}
