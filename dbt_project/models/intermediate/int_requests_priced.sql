{{
    config(
        materialized='segments',
        sorted_by=['workspace_id', 'requested_at', 'file_seq', 'file_row_number'],
        pre_hook=["{{ point_at_exports() }}", "{{ point_at_landed_files() }}"],
    )
}}

-- depends_on: {{ ref('stg_landed_files') }}
-- depends_on: {{ ref('stg_rate_book') }}
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

common_rates as (
    select *
    from rates
    where workspace_id is null
),

negotiated_rates as (
    select *
    from rates
    where workspace_id is not null
),

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
        rated.* exclude (rated.total_input_tokens, rated.rate),
        rated.rate.model_ref,
        rated.rate.rate_id,
        coalesce(nullif(rated.billing_basis, ''), 'metered') as spend_kind,
        case
            when rated.rate.rate_id is not null
                then
                    {{ priced('rated.uncached_input_tokens', 'rated.rate.uncached_input') }}
                    + {{ priced('rated.cache_read_tokens', 'rated.rate.cache_read') }}
                    + {{ priced('rated.cache_write_5m_tokens', 'rated.rate.cache_write_5m') }}
                    + {{ priced('rated.cache_write_1h_tokens', 'rated.rate.cache_write_1h') }}
                    + {{ priced('rated.billable_output_tokens', 'rated.rate.output') }}
        end as cost_priced_picousd
    from rated
)

select * from final
