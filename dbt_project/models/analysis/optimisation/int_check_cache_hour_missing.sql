with

gaps as (select * from {{ ref('int_cache_gaps') }}),

sampled as (
    select
        *,
        {{ request_ids('samples') }} as sample_request_ids
    from gaps
),

final as (
    select
        {{ finding(
            'cache_hour_missing',
            'least(lost_after_five_picousd - hour_would_cost_picousd, spend_picousd)',
            "case when paused_requests * 2 >= requests then 'medium' else 'low' end",
            "format('{:d} % of the calls come after a pause of five minutes to an hour and write the cache anew;"
            ~ " calls of one machine are taken for one conversation.', " ~ percent_of('paused_requests', 'requests')
            ~ ')',
            '{paused_requests: paused_requests, cache_write_5m_tokens: cast(cache_write_5m_tokens as bigint)}',
        ) }}
    from sampled
    where lost_after_five_picousd > hour_would_cost_picousd
)

select * from final
