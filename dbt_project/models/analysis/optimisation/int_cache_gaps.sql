{#- Calls of one machine for one project with one model are taken for one conversation: nothing tells them apart. -#}
with

requests as (select * from {{ source('published', 'fct_requests') }}),

rates as (select * from {{ source('published', 'stg_rate_book') }}),

prices as (
    select
        rate_id,
        any_value(cache_read_picousd_per_token) as cache_read,
        any_value(cache_write_5m_picousd_per_token) as cache_write_5m,
        any_value(cache_write_1h_picousd_per_token) as cache_write_1h
    from rates
    group by rate_id
),

cached as (
    select
        requests.workspace_id,
        {{ window_number('requests.requested_on') }} as window_number,
        requests.project,
        requests.provider,
        requests.model,
        requests.device_id,
        requests.request_id,
        requests.requested_at,
        requests.cache_read_tokens,
        requests.cache_write_5m_tokens,
        requests.cache_write_1h_tokens,
        requests.cost_priced_picousd,
        prices.cache_write_5m - prices.cache_read as missed_per_token,
        prices.cache_write_1h - prices.cache_write_5m as hour_per_token
    from requests
    inner join prices on requests.rate_id = prices.rate_id
    where
        requests.spend_kind = 'metered'
        and requests.withheld_reason is null
        and requests.cost_priced_picousd is not null
        and requests.cache_read_tokens + requests.cache_write_tokens > 0
        and prices.cache_write_1h > prices.cache_write_5m
        and prices.cache_write_5m > prices.cache_read
        and {{ is_analysed('requests.requested_on') }}
),

-- What the cache held when a call came: what the call before had read or written.
timed as (
    select
        *,
        coalesce(
            requested_at - lag(requested_at) over calls > interval 5 minute
            and requested_at - lag(requested_at) over calls <= interval 1 hour,
            false
        ) as is_after_a_pause,
        coalesce(
            lag(cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens) over calls, 0
        ) as held_tokens
    from cached
    window calls as (partition by {{ scope() }}, device_id order by requested_at, request_id)
),

final as (
    select
        {{ scope() }},
        count(*) as requests,
        count(*) filter (where is_after_a_pause) as paused_requests,
        cast(sum(cost_priced_picousd) as hugeint) as spend_picousd,
        cast(sum(cache_write_5m_tokens) as hugeint) as cache_write_5m_tokens,
        cast(sum(cache_write_1h_tokens) as hugeint) as cache_write_1h_tokens,
        cast(sum(cache_write_1h_tokens * hour_per_token) as hugeint) as hour_premium_picousd,
        cast(coalesce(sum(least(cache_read_tokens, held_tokens) * missed_per_token) filter (
            where is_after_a_pause
        ), 0) as hugeint) as kept_by_hour_picousd,
        cast(coalesce(sum(least(cache_write_5m_tokens, held_tokens) * missed_per_token) filter (
            where is_after_a_pause
        ), 0) as hugeint) as lost_after_five_picousd,
        cast(sum(
            case
                when is_after_a_pause then greatest(cache_write_5m_tokens - held_tokens, 0)
                else cache_write_5m_tokens
            end * hour_per_token
        ) as hugeint) as hour_would_cost_picousd,
        max(struct_pack(cost := cost_priced_picousd, request_id := request_id), 5) as samples
    from timed
    group by {{ scope() }}
)

select * from final
