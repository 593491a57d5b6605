with

requests as (select * from {{ ref('int_repeated_requests') }}),

rates as (select * from {{ source('published', 'stg_rate_book') }}),

-- A rate that was negotiated twice is in the book twice, at the same prices.
prices as (
    select
        rate_id,
        any_value(uncached_input_picousd_per_token) as uncached_input,
        any_value(cache_read_picousd_per_token) as cache_read,
        any_value(cache_write_5m_picousd_per_token) as cache_write
    from rates
    group by rate_id
),

large as (
    select
        requests.*,
        prices.uncached_input - prices.cache_read as saved_per_token,
        greatest(prices.cache_write - prices.uncached_input, 0) as paid_per_token
    from requests
    inner join prices on requests.rate_id = prices.rate_id
    where
        requests.status = 'success'
        -- Of what is not known nothing can be saved: a rate may price the input and not all that was used.
        and requests.cost_priced_picousd is not null
        and requests.uncached_input_tokens >= {{ var('analysis_prompt_cache_tokens') }}
        and prices.uncached_input > prices.cache_read
        and prices.cache_write is not null
),

sent as (
    select
        *,
        row_number() over calls as place,
        coalesce(
            requested_at <= lag(requested_at) over calls
            + interval {{ var('analysis_prompt_cache_seconds') }} second,
            false
        ) as is_sent_again,
        least(uncached_input_tokens, lag(uncached_input_tokens) over calls) as held_tokens
    from large
    window calls as (partition by {{ cluster_key() }} order by requested_at, request_id)
),

-- The first of a run would have been written to the cache, the others read from it.
weighed as (
    select
        *,
        not is_sent_again and coalesce(lead(is_sent_again) over (
            partition by {{ cluster_key() }}
            order by requested_at, request_id
        ), false) as is_written
    from sent
),

clusters as (
    select
        {{ cluster_measures(
            'prompt_cache',
            'sum(case when is_sent_again then held_tokens * saved_per_token'
            ~ ' when is_written then -uncached_input_tokens * paid_per_token end)',
            '{tokens_sent_again: sum(held_tokens) filter (where is_sent_again),'
            ~ ' seconds_to_live: ' ~ var('analysis_prompt_cache_seconds') ~ '}',
        ) }}
    from weighed
    group by {{ cluster_key() }}
),

final as (
    select *
    from clusters
    where estimated_saving_picousd > 0
)

select * from final
