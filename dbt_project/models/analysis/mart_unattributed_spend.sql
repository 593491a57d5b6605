with

requests as (select * from {{ source('published', 'fct_requests') }}),

metered as (
    select
        workspace_id,
        provider,
        coalesce(attribution_method, '(not told)') as attribution_method,
        cast(date_trunc('month', requested_on) as date) as utc_month,
        cost_logged_millicents,
        cost_priced_picousd
    from requests
    where spend_kind = 'metered' and withheld_reason is null
),

final as (
    select
        workspace_id,
        utc_month,
        provider,
        attribution_method,
        count(*) as requests,
        cast(count(*) filter (where cost_logged_millicents is null) as bigint) as unpriced_requests,
        cast(coalesce(sum(cost_logged_millicents), 0) as bigint) as cost_logged_millicents,
        cast(coalesce(sum(cost_priced_picousd), 0) as hugeint) as cost_priced_picousd
    from metered
    group by workspace_id, utc_month, provider, attribution_method
)

select * from final
