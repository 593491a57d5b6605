with

requests as (select * from {{ ref('int_repeated_requests') }}),

-- An answer that is used stays for another time to live.
answered as (
    select
        *,
        row_number() over calls as place,
        coalesce(
            requested_at <= lag(requested_at) over calls
            + interval {{ var('analysis_response_cache_seconds') }} second,
            false
        ) as is_hit
    from requests
    where status = 'success'
    window calls as (partition by {{ cluster_key() }} order by requested_at, request_id)
),

final as (
    select
        {{ cluster_measures(
            'response_cache',
            'sum(cost_priced_picousd) filter (where is_hit)',
            '{hits: count(*) filter (where is_hit), seconds_to_live: ' ~ var('analysis_response_cache_seconds') ~ '}',
        ) }}
    from answered
    group by {{ cluster_key() }}
    having bool_or(is_hit)
)

select * from final
