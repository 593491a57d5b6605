with

requests as (select * from {{ source('published', 'fct_requests') }}),

bundles as (select * from {{ ref('int_measured') }}),

calls as (
    select
        bundles.workspace_id,
        bundles.counted_with,
        bundles.unit,
        requests.requested_on > bundles.before_until as is_after,
        requests.requested_on as utc_day,
        coalesce(requests.request_kind, 'unknown') as request_kind,
        case
            when
                bundles.is_by_length
                and requests.uncached_input_tokens + requests.cache_read_tokens + requests.cache_write_tokens > 0
                then cast(floor(log2(
                    requests.uncached_input_tokens + requests.cache_read_tokens + requests.cache_write_tokens
                )) as integer)
            else 0
        end as length_class,
        coalesce(nullif(requests.prompt_hash, ''), cast(requests.request_id as varchar)) as prompt,
        requests.cost_priced_picousd
    from requests
    inner join bundles
        on
            requests.workspace_id = bundles.workspace_id
            and requests.project = bundles.project
            and requests.provider = bundles.provider
            and (
                requests.requested_on between bundles.before_from and bundles.before_until
                or requests.requested_on between bundles.after_from and bundles.after_until
            )
            and (
                list_contains(bundles.models, requests.model)
                or list_contains(coalesce(bundles.other_models, []), requests.model_ref)
            )
    where
        requests.spend_kind = 'metered'
        and requests.withheld_reason is null
        and requests.cost_priced_picousd is not null
),

final as (
    select
        workspace_id,
        counted_with,
        is_after,
        utc_day,
        request_kind,
        length_class,
        count(*) as requests,
        case when unit = 'distinct_prompts' then count(distinct prompt) else count(*) end as units,
        cast(sum(cost_priced_picousd) as hugeint) as cost_picousd
    from calls
    group by workspace_id, counted_with, is_after, utc_day, request_kind, length_class, unit
)

select * from final
