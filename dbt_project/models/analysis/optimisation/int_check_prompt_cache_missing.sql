with

clusters as (select * from {{ ref('int_cluster_prompt_caches') }}),

summed as (
    select
        {{ scope() }},
        {{ cluster_sums() }}
    from clusters
    group by {{ scope() }}
),

final as (
    select
        {{ finding(
            'prompt_cache_missing',
            'cluster_saving_picousd',
            "'medium'",
            "format('{:,} large {} sent again within five minutes without a cache, {:,} requests in all.', clusters, if(clusters = 1, 'prompt was', 'prompts were'), requests)",
            '{clusters: clusters, repeat_cost_picousd: cast(repeat_cost_picousd as varchar)}',
        ) }}
    from summed
)

select * from final
