{%- set visible = 'greatest(requests.billable_output_tokens - requests.thinking_tokens, 0)' -%}
{%- set thinking = 'least(requests.thinking_tokens, requests.billable_output_tokens)' -%}
{%- set short = var('analysis_short_output_tokens') -%}
with

requests as (select * from {{ source('published', 'fct_requests') }}),

rates as (select * from {{ source('published', 'stg_rate_book') }}),

quiet as (select * from {{ ref('int_quiet_quarters') }}),

prices as (
    select
        rate_id,
        any_value(output_picousd_per_token) as output_price
    from rates
    group by rate_id
),

-- Where a price may change with the length of the prompt, longest first.
bands as (
    select
        coalesce(list(distinct context_over_tokens order by context_over_tokens desc), []) as band_starts,
        min(context_over_tokens) as lowest
    from rates
    where context_over_tokens > 0
),

measured as (
    select
        requests.workspace_id,
        {{ window_number('requests.requested_on') }} as window_number,
        requests.project,
        requests.provider,
        requests.model,
        requests.model_ref,
        requests.service_tier,
        coalesce(requests.request_kind, 'unknown') as request_kind,
        quiet.starts_at is not null as is_quiet,
        requests.uncached_input_tokens + requests.cache_read_tokens + requests.cache_write_tokens as total_input_tokens,
        bands.band_starts,
        bands.lowest,
        requests.request_id,
        requests.requested_on,
        requests.status,
        requests.cost_priced_picousd,
        requests.uncached_input_tokens,
        requests.cache_read_tokens,
        requests.cache_write_5m_tokens,
        requests.cache_write_1h_tokens,
        requests.billable_output_tokens,
        {{ thinking }} as thinking_tokens,
        {{ visible }} as visible_output_tokens,
        greatest(
            {{ thinking }}
            - greatest({{ visible }} * {{ var('analysis_thinking_times') }}, {{ var('analysis_thinking_tokens') }}),
            0
        ) as excess_thinking_tokens,
        case when requests.status = 'success' then greatest({{ visible }} - 4 * {{ short }}, 0) else 0 end
            as excess_output_tokens,
        requests.status = 'error' and requests.cost_priced_picousd > 0 as is_billed_error,
        coalesce(prices.output_price, 0) as output_price
    from requests
    cross join bands
    left join prices on requests.rate_id = prices.rate_id
    left join quiet
        on
            requests.workspace_id = quiet.workspace_id
            and time_bucket(interval 15 minute, requests.requested_at) = quiet.starts_at
    where
        requests.spend_kind = 'metered'
        and requests.withheld_reason is null
        and requests.cost_priced_picousd is not null
        and requests.model_ref is not null
        and {{ is_analysed('requests.requested_on') }}
),

banded as (
    select
        *,
        case
            when lowest is null or total_input_tokens <= lowest then 0
            else coalesce(list_filter(band_starts, lambda start: start < total_input_tokens)[1], 0)
        end as context_over_tokens
    from measured
),

final as (
    select
        workspace_id,
        window_number,
        project,
        provider,
        model,
        model_ref,
        service_tier,
        request_kind,
        is_quiet,
        context_over_tokens,
        count(*) as requests,
        count(distinct requested_on) as days_seen,
        count(*) filter (where status <> 'success') as error_requests,
        count(*) filter (where is_billed_error) as billed_error_requests,
        count(*) filter (where total_input_tokens > {{ var('analysis_swap_input_tokens') }}) as large_input_requests,
        count(*) filter (
            where visible_output_tokens > {{ var('analysis_swap_output_tokens') }}
        ) as large_output_requests,
        -- A call that failed has no answer, and is no short one.
        count(*) filter (where status = 'success' and visible_output_tokens <= {{ short }}) as short_output_requests,
        count(*) filter (where excess_thinking_tokens > 0) as overthought_requests,
        cast(sum(cost_priced_picousd) as hugeint) as spend_picousd,
        cast(sum(cost_priced_picousd) filter (where is_billed_error) as hugeint) as error_spend_picousd,
        cast(sum(uncached_input_tokens) as hugeint) as uncached_input_tokens,
        cast(sum(cache_read_tokens) as hugeint) as cache_read_tokens,
        cast(sum(cache_write_5m_tokens) as hugeint) as cache_write_5m_tokens,
        cast(sum(cache_write_1h_tokens) as hugeint) as cache_write_1h_tokens,
        cast(sum(billable_output_tokens) as hugeint) as billable_output_tokens,
        cast(sum(thinking_tokens) as hugeint) as thinking_tokens,
        cast(sum(excess_thinking_tokens * output_price) as hugeint) as excess_thinking_picousd,
        cast(sum(excess_output_tokens * output_price) as hugeint) as excess_output_picousd,
        max(struct_pack(cost := cost_priced_picousd, request_id := request_id), 5) as samples,
        max(struct_pack(cost := cost_priced_picousd, request_id := request_id), 5) filter (
            where is_billed_error
        ) as error_samples
    from banded
    group by all
)

select * from final
