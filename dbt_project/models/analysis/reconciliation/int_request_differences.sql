{{ config(materialized='view') }}

with

requests as (select * from {{ source('published', 'fct_requests') }}),

rates as (select * from {{ source('published', 'stg_rate_book') }}),

-- Rates that a laptop's own price table does not know: it has one price per model.
special_rates as (
    select rate_id
    from rates
    where service_tier <> 'standard' or context_over_tokens > 0
),

costed as (
    select
        requests.*,
        cast(requests.cost_logged_millicents as hugeint) * {{ one_millicent() }} as logged_picousd,
        cast(requests.cost_priced_picousd as hugeint) as priced_picousd,
        special_rates.rate_id is not null as is_special
    from requests
    left join special_rates on requests.rate_id = special_rates.rate_id
    where requests.spend_kind = 'metered'
),

caused as (
    select
        *,
        {{ difference_cause('logged_picousd', 'priced_picousd', 'is_special') }} as cause
    from costed
),

-- Requests of every state the provider saw: also withheld ones, which were billed all the same.
final as (
    select
        workspace_id,
        request_id,
        provider,
        requested_on as utc_day,
        requested_at,
        file_seq,
        project,
        model,
        device_id,
        attribution_method,
        withheld_reason,
        logged_picousd,
        priced_picousd,
        coalesce(priced_picousd, logged_picousd) as expected_picousd,
        cause,
        coalesce(logged_picousd, 0) - priced_picousd as difference_picousd,
        status = 'success'
        or uncached_input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens
        + billable_output_tokens > 0 as is_served,
        status <> 'success' as is_error,
        requested_at < requested_on + to_seconds({{ var('analysis_midnight_seconds') }}) as is_near_start,
        requested_at >= requested_on + interval 1 day - to_seconds({{ var('analysis_midnight_seconds') }})
            as is_near_end
    from caused
)

select * from final
