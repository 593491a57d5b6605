{%- set kinds = ['exact_duplicates', 'retry_storms', 'loops', 'response_caches', 'prompt_caches'] -%}
{%- for kind in kinds %}
    select * from {{ ref('int_cluster_' ~ kind) }}
    {%- if not loop.last %}
        union all
    {%- endif %}
{%- endfor %}
