-- One test for all kinds of clusters.
{%- set kinds = ['exact_duplicates', 'retry_storms', 'loops', 'response_caches', 'prompt_caches'] -%}
{%- for kind in kinds %}
    (
        select
            workspace_id,
            window_number,
            cluster_id
        from {{ ref('int_cluster_' ~ kind) }}
        group by all
        having count(*) > 1
    )
    {%- if not loop.last %}
        union all
    {%- endif %}
{%- endfor %}
