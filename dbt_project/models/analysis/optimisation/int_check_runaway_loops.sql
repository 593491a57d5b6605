with

clusters as (select * from {{ ref('int_cluster_loops') }}),

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
            'runaway_loops',
            'cluster_saving_picousd',
            "'high'",
            "format('{:,} {} sent over and over by one machine, {:,} times within minutes of each other.', clusters, if(clusters = 1, 'prompt was', 'prompts were'), requests)",
            '{clusters: clusters, repeat_cost_picousd: cast(repeat_cost_picousd as varchar)}',
        ) }}
    from summed
)

select * from final
