with

requests as (select * from {{ source('published', 'fct_requests') }}),

counted as (
    select
        workspace_id,
        provider,
        requested_on as utc_day,
        coalesce(model_ref, {{ undated_model('model') }}) as model_key,
        service_tier as tier,
        cast(count(*) filter (
            where
            status = 'success'
            or uncached_input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens
            + billable_output_tokens > 0
        ) as hugeint) as requests,
        {{ tokens_by_unit() }}
    from requests
    where spend_kind = 'metered'
    group by all
),

final as (
    select
        workspace_id,
        provider,
        utc_day,
        model_key,
        tier,
        unit,
        quantity
    from counted
    unpivot (quantity for unit in (requests, {{ token_units() | join(', ') }}))
    where quantity > 0
)

select * from final
