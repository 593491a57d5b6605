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
            'cache_hour_unneeded',
            'least(hour_premium_picousd - kept_by_hour_picousd, spend_picousd)',
            "case when paused_requests * 100 <= requests then 'medium' else 'low' end",
            "format('{:d} % of the calls come after a pause of five minutes to an hour, which only the hour bridges;"
            ~ " calls of one machine are taken for one conversation.', " ~ percent_of('paused_requests', 'requests')
            ~ ')',
            '{paused_requests: paused_requests, cache_write_1h_tokens: cast(cache_write_1h_tokens as bigint)}',
        ) }}
    from sampled
    where hour_premium_picousd > kept_by_hour_picousd
)

select * from final
