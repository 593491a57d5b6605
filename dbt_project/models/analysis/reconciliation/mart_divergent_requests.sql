{%- set place -%}
    struct_pack(
        negated_weight := -coalesce(abs(requests.difference_picousd), 0), request_id := requests.request_id
    )
{%- endset -%}
{%- set most = var('analysis_divergent_requests') -%}
with

-- Read three times, each time only some of its columns and rows: kept once, every request would be written down whole.
requests as not materialized (select * from {{ ref('int_request_differences') }}),

spans as (select * from {{ ref('int_billed_days') }}),

edge_requests as (
    select *
    from requests
    where is_near_start or is_near_end
),

timing as (
    select *
    from {{ ref('mart_variance_parts') }}
    where part = 'timing' and amount_picousd <> 0
),

billed_days as (
    select distinct
        workspace_id,
        provider,
        cast(unnest(generate_series(first_day, last_day, interval '1 day')) as date) as utc_day
    from spans
),

-- The last request that may be listed of each day: so few are kept while days are read, nothing is sorted.
last_listed as (
    select
        requests.workspace_id,
        requests.provider,
        requests.utc_day,
        list_max(min({{ place }}, {{ most }})) as last_place
    from requests
    inner join billed_days
        on
            requests.workspace_id = billed_days.workspace_id
            and requests.provider = billed_days.provider
            and requests.utc_day = billed_days.utc_day
    where requests.cause in ('unpriced', 'price_difference', 'tier_or_context')
    group by requests.workspace_id, requests.provider, requests.utc_day
),

-- Requests whose own two prices differ by more than rounding, or that have none.
differing as (
    select
        requests.*,
        requests.utc_day as billed_day,
        requests.difference_picousd as contribution_picousd
    from requests
    inner join last_listed
        on
            requests.workspace_id = last_listed.workspace_id
            and requests.provider = last_listed.provider
            and requests.utc_day = last_listed.utc_day
    where
        requests.cause in ('unpriced', 'price_difference', 'tier_or_context')
        and {{ place }} <= last_listed.last_place
),

-- Where midnight explains something, the calls near it: ours that the bill may have on another day, or the reverse.
near_midnight as (
    select
        edge_requests.* replace ('timing' as cause),
        case when edge_requests.is_near_start then timing.first_day else timing.last_day end as billed_day,
        edge_requests.expected_picousd as contribution_picousd
    from edge_requests
    inner join timing
        on
            edge_requests.workspace_id = timing.workspace_id
            and edge_requests.provider = timing.provider
            and (
                (edge_requests.utc_day = timing.first_day and edge_requests.is_near_start)
                or (edge_requests.utc_day = timing.last_day and edge_requests.is_near_end)
            )
    where timing.amount_picousd > 0 and coalesce(edge_requests.cause, 'rounding') = 'rounding'
    union all
    select
        edge_requests.* replace ('timing' as cause),
        case when edge_requests.is_near_end then timing.first_day else timing.last_day end as billed_day,
        -edge_requests.expected_picousd as contribution_picousd
    from edge_requests
    inner join timing
        on
            edge_requests.workspace_id = timing.workspace_id
            and edge_requests.provider = timing.provider
            and (
                (edge_requests.utc_day = timing.first_day - 1 and edge_requests.is_near_end)
                or (edge_requests.utc_day = timing.last_day + 1 and edge_requests.is_near_start)
            )
    where timing.amount_picousd < 0
),

-- A span of days and a day within it may both find a call near their common midnight.
contributing as (
    select * from differing
    union all
    select distinct * from near_midnight
),

final as (
    select
        workspace_id,
        billed_day as utc_day,
        provider,
        request_id,
        requested_at,
        project,
        model,
        device_id,
        attribution_method,
        withheld_reason,
        cause,
        logged_picousd,
        priced_picousd,
        contribution_picousd,
        coalesce(abs(contribution_picousd), 0) as weight_picousd
    from contributing
    qualify
        row_number() over (
            partition by workspace_id, provider, billed_day
            order by coalesce(abs(contribution_picousd), 0) desc, request_id
        ) <= {{ most }}
)

select * from final
