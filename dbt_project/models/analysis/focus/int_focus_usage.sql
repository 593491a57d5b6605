with

requests as (select * from {{ source('published', 'fct_requests') }}),

closes as (select * from {{ source('finance', 'closes') }}),

closed_months as (
    select
        workspace_id,
        month,
        max(max_file_seq) as max_file_seq
    from closes
    where reopened_at is null
    group by workspace_id, month
),

-- A row of FOCUS has one price: requests the rate book cannot price, or that tell no cost, are apart.
costed as (
    select
        requests.*,
        case when requests.cost_priced_picousd is not null then requests.rate_id end as priced_by,
        requests.cost_logged_millicents is null as is_unpriced,
        coalesce(requests.file_seq > closed_months.max_file_seq, false) as is_correction,
        coalesce(requests.service_tier, 'standard') as tier
    from requests
    left join closed_months
        on
            requests.workspace_id = closed_months.workspace_id
            and cast(date_trunc('month', requests.requested_on) as date) = closed_months.month
    where requests.spend_kind = 'metered' and requests.withheld_reason is null
),

final as (
    select
        workspace_id,
        requested_on as utc_day,
        project,
        provider,
        model,
        tier as service_tier,
        priced_by as rate_id,
        is_unpriced,
        is_correction,
        any_value(model_ref) as model_ref,
        count(*) as requests,
        cast(coalesce(sum(cost_logged_millicents), 0) as hugeint) * {{ one_millicent() }} as logged_picousd,
        cast(coalesce(sum(cost_priced_picousd), 0) as hugeint) as priced_picousd,
        cast(sum(uncached_input_tokens) as hugeint) as uncached_input_tokens,
        cast(sum(cache_read_tokens) as hugeint) as cache_read_tokens,
        cast(sum(cache_write_5m_tokens) as hugeint) as cache_write_5m_tokens,
        cast(sum(cache_write_1h_tokens) as hugeint) as cache_write_1h_tokens,
        cast(sum(billable_output_tokens) as hugeint) as output_tokens
    from costed
    group by workspace_id, utc_day, project, provider, model, tier, priced_by, is_unpriced, is_correction
)

select * from final
