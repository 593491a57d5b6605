with

requests as (select * from {{ ref('int_repeated_requests') }}),

placed as (
    select
        *,
        row_number() over (partition by {{ cluster_key() }} order by requested_at, request_id) as place
    from requests
    where status = 'success'
),

final as (
    select
        {{ cluster_measures(
            'exact_duplicate',
            'sum(cost_priced_picousd) filter (where place > 1)',
            '{repeats: count(*) - 1}',
        ) }}
    from placed
    group by {{ cluster_key() }}
    having count(*) >= {{ var('analysis_duplicate_requests') }}
)

select * from final
