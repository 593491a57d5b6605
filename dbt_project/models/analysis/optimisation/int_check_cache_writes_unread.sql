with

usage as (select * from {{ ref('int_usage') }}),

rates as (select * from {{ ref('int_rates_in_force') }}),

-- Writing costs more than plain input, reading less; the cache pays when reads make up for writes.
weighed as (
    select
        usage.*,
        {{ priced(
            'usage.cache_write_5m_tokens',
            '(rates.cache_write_5m_picousd_per_token - rates.uncached_input_picousd_per_token)'
        ) }}
        + {{ priced(
            'usage.cache_write_1h_tokens',
            '(rates.cache_write_1h_picousd_per_token - rates.uncached_input_picousd_per_token)'
        ) }} as premium_picousd,
        {{ priced(
            'usage.cache_read_tokens',
            '(rates.uncached_input_picousd_per_token - rates.cache_read_picousd_per_token)'
        ) }} as gain_picousd
    from usage
    inner join rates
        on
            usage.workspace_id = rates.workspace_id
            and usage.provider = rates.provider
            and usage.model_ref = rates.model_ref
            and usage.service_tier = rates.service_tier
            and usage.context_over_tokens = rates.context_over_tokens
),

summed as (
    select
        {{ scope() }},
        {{ usage_sums() }},
        cast(sum(cache_write_5m_tokens + cache_write_1h_tokens) as bigint) as written_tokens,
        cast(sum(cache_read_tokens) as bigint) as read_tokens,
        sum(premium_picousd) - sum(gain_picousd) as lost_picousd
    from weighed
    group by {{ scope() }}
    having lost_picousd > 0 and bool_and(premium_picousd is not null and gain_picousd is not null)
),

final as (
    select
        {{ finding(
            'cache_writes_unread',
            'least(lost_picousd, spend_picousd)',
            "case when read_tokens = 0 then 'high' when read_tokens * 10 <= written_tokens then 'medium' else 'low' end",
            "format('{:,} tokens were written to the cache and {:,} read from it.', written_tokens, read_tokens)",
            '{written_tokens: written_tokens, read_tokens: read_tokens}',
        ) }}
    from summed
)

select * from final
