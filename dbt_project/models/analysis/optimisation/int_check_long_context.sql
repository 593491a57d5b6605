with

usage as (select * from {{ ref('int_usage') }}),

rates as (select * from {{ ref('int_rates_in_force') }}),

-- The same tokens at the price of a short prompt.
repriced as (
    select
        usage.*,
        {{ repriced('usage', 'own') }} as own_picousd,
        {{ repriced('usage', 'base') }} as base_picousd
    from usage
    inner join rates as own
        on
            usage.workspace_id = own.workspace_id
            and usage.provider = own.provider
            and usage.model_ref = own.model_ref
            and usage.service_tier = own.service_tier
            and usage.context_over_tokens = own.context_over_tokens
    inner join rates as base
        on
            usage.workspace_id = base.workspace_id
            and usage.provider = base.provider
            and usage.model_ref = base.model_ref
            and usage.service_tier = base.service_tier
            and base.context_over_tokens = 0
    where usage.context_over_tokens > 0
),

summed as (
    select
        {{ scope() }},
        {{ usage_sums() }},
        min(context_over_tokens) as context_over_tokens,
        cast(
            sum(uncached_input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens)
            // sum(requests) as bigint
        ) as mean_input_tokens,
        sum(own_picousd - base_picousd) as surcharge_picousd
    from repriced
    where own_picousd > base_picousd
    group by {{ scope() }}
),

final as (
    select
        {{ finding(
            'long_context',
            'least(surcharge_picousd, spend_picousd)',
            "case when mean_input_tokens * 4 <= context_over_tokens * 5 then 'high'"
            ~ " when mean_input_tokens <= context_over_tokens * 2 then 'medium' else 'low' end",
            "format('These prompts have {:,} tokens on average; above {:,} every token costs more.',"
            ~ " mean_input_tokens, context_over_tokens)",
            '{mean_input_tokens: mean_input_tokens, context_over_tokens: context_over_tokens}',
        ) }}
    from summed
)

select * from final
