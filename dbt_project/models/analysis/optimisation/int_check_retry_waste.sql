with

clusters as (select * from {{ ref('int_cluster_retry_storms') }}),

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
            'retry_waste',
            'cluster_saving_picousd',
            "'high'",
            "format('{:,} {} tried again within seconds of a failure, {:,} attempts in all.', clusters, if(clusters = 1, 'prompt was', 'prompts were'), requests)",
            '{clusters: clusters, repeat_cost_picousd: cast(repeat_cost_picousd as varchar)}',
        ) }}
    from summed
)

select * from final
