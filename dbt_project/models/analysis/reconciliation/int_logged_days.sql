with

requests as (select * from {{ ref('int_request_differences') }}),

final as (
    select
        workspace_id,
        provider,
        utc_day,
        count(*) as requests,
        count(*) filter (where is_served) as served_requests,
        count(*) filter (where is_error) as error_requests,
        count(*) filter (where withheld_reason is not null) as withheld_requests,
        count(*) filter (where logged_picousd is null) as unpriced_requests,
        count(*) filter (where priced_picousd is null) as unrated_requests,
        count(*) filter (where expected_picousd is null) as unknown_requests,
        cast(coalesce(sum(logged_picousd), 0) as hugeint) as logged_picousd,
        cast(coalesce(sum(priced_picousd), 0) as hugeint) as priced_picousd,
        cast(coalesce(sum(expected_picousd), 0) as hugeint) as expected_picousd,
        {{ differences_by_cause() }}
    from requests
    group by workspace_id, provider, utc_day
)

select * from final
