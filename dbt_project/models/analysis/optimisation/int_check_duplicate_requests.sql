with

clusters as (select * from {{ ref('int_cluster_exact_duplicates') }}),

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
            'duplicate_requests',
            'cluster_saving_picousd',
            "case when requests >= clusters * 3 then 'high' else 'medium' end",
            "format('{:,} {} answered {:,} times, the same by hash, model and project.', clusters, if(clusters = 1, 'prompt was', 'prompts were'), requests)",
            '{clusters: clusters, repeat_cost_picousd: cast(repeat_cost_picousd as varchar)}',
        ) }}
    from summed
)

select * from final
