with

rate_book as (select * from {{ source('exports', 'rate_book') }}),

final as (
    select
        rate_id,
        cast(workspace_id as uuid) as workspace_id,
        provider,
        model_ref,
        service_tier,
        cast(context_over_tokens as bigint) as context_over_tokens,
        cast(valid_from as timestamp) as valid_from,
        cast(valid_to as timestamp) as valid_to,
        cast(known_from as timestamp) as known_from,
        source,
        currency,
        cast(uncached_input_picousd_per_token as bigint) as uncached_input_picousd_per_token,
        cast(cache_read_picousd_per_token as bigint) as cache_read_picousd_per_token,
        cast(cache_write_5m_picousd_per_token as bigint) as cache_write_5m_picousd_per_token,
        cast(cache_write_1h_picousd_per_token as bigint) as cache_write_1h_picousd_per_token,
        cast(output_picousd_per_token as bigint) as output_picousd_per_token
    from rate_book
)

select * from final
