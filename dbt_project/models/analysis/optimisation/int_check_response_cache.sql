with

clusters as (select * from {{ ref('int_cluster_response_caches') }}),

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
            'response_cache',
            'cluster_saving_picousd',
            "'medium'",
            "format('{:,} {} came back while an answer could have been kept, {:,} requests in all; whether an old answer will do, only you know.', clusters, if(clusters = 1, 'prompt', 'prompts'), requests)",
            '{clusters: clusters, repeat_cost_picousd: cast(repeat_cost_picousd as varchar)}',
        ) }}
    from summed
)

select * from final
