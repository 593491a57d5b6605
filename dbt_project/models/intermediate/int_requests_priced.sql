with

requests as (select * from {{ ref('int_requests_token_kinds') }}),

model_rates as (select * from {{ ref('int_model_rates') }}),

-- A rate as one value, so that a negotiated one replaces the common one whole, its missing prices included.
rates as (
    select
        workspace_id,
        provider,
        model,
        service_tier,
        valid_from,
        valid_to,
        context_from_tokens,
        context_until_tokens,
        struct_pack(
            rate_id := rate_id,
            model_ref := model_ref,
            uncached_input := uncached_input_picousd_per_token,
            cache_read := cache_read_picousd_per_token,
            cache_write_5m := cache_write_5m_picousd_per_token,
            cache_write_1h := cache_write_1h_picousd_per_token,
            output := output_picousd_per_token
        ) as rate
    from model_rates
),

common_rates as (select * from rates where workspace_id is null),

negotiated_rates as (select * from rates where workspace_id is not null),

measured as (
    select
        *,
        uncached_input_tokens + cache_read_tokens + cache_write_tokens as total_input_tokens
    from requests
),

rated as (
    select
        measured.*,
        coalesce(negotiated_rates.rate, common_rates.rate) as rate
    from measured
    left join negotiated_rates
        on
            measured.workspace_id = negotiated_rates.workspace_id
            and measured.provider = negotiated_rates.provider
            and measured.model = negotiated_rates.model
            and measured.service_tier = negotiated_rates.service_tier
            and measured.requested_at >= negotiated_rates.valid_from
            and measured.requested_at < negotiated_rates.valid_to
            and measured.total_input_tokens >= negotiated_rates.context_from_tokens
            and measured.total_input_tokens < negotiated_rates.context_until_tokens
    left join common_rates
        on
            measured.provider = common_rates.provider
            and measured.model = common_rates.model
            and measured.service_tier = common_rates.service_tier
            and measured.requested_at >= common_rates.valid_from
            and measured.requested_at < common_rates.valid_to
            and measured.total_input_tokens >= common_rates.context_from_tokens
            and measured.total_input_tokens < common_rates.context_until_tokens
),

-- A kind without tokens costs nothing, priced or not; tokens without a price make the whole row's price unknown.
final as (
    select
        * exclude (total_input_tokens, rate),
        coalesce(nullif(billing_basis, ''), 'metered') as spend_kind,
        rate.model_ref as model_ref,
        rate.rate_id as rate_id,
        case
            when rate.rate_id is not null
                then
                    {{ priced('uncached_input_tokens', 'rate.uncached_input') }}
                    + {{ priced('cache_read_tokens', 'rate.cache_read') }}
                    + {{ priced('cache_write_5m_tokens', 'rate.cache_write_5m') }}
                    + {{ priced('cache_write_1h_tokens', 'rate.cache_write_1h') }}
                    + {{ priced('billable_output_tokens', 'rate.output') }}
        end as cost_priced_picousd
    from rated
)

select * from final
