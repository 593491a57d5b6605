with

logged as (select * from {{ ref('int_logged_days') }}),

billed as (
    select *
    from {{ ref('int_billed_days') }}
    where first_day = last_day
),

spans as (
    select *
    from {{ ref('int_billed_days') }}
    where first_day < last_day
),

paired as (
    select
        coalesce(logged.workspace_id, billed.workspace_id) as workspace_id,
        coalesce(logged.utc_day, billed.first_day) as utc_day,
        coalesce(logged.provider, billed.provider) as provider,
        coalesce(logged.requests, 0) as requests,
        coalesce(logged.unpriced_requests, 0) as unpriced_requests,
        coalesce(logged.unrated_requests, 0) as unrated_requests,
        coalesce(logged.withheld_requests, 0) as withheld_requests,
        coalesce(logged.logged_picousd, 0) as logged_picousd,
        coalesce(logged.priced_picousd, 0) as priced_picousd,
        billed.billed_picousd,
        billed.tax_picousd,
        billed.prepaid_picousd,
        billed.source,
        billed.is_complete
    from logged
    full outer join billed
        on
            logged.workspace_id = billed.workspace_id
            and logged.provider = billed.provider
            and logged.utc_day = billed.first_day
),

by_provider as (
    select
        paired.* replace (coalesce(paired.is_complete, false) as is_complete),
        case
            when paired.billed_picousd is not null then 'day'
            when exists (
                select 1
                from spans
                where
                    spans.workspace_id = paired.workspace_id
                    and spans.provider = paired.provider
                    and paired.utc_day between spans.first_day and spans.last_day
            ) then 'period'
            else 'none'
        end as billed_by,
        case when paired.billed_picousd is null then paired.logged_picousd else 0 end as awaiting_picousd,
        paired.logged_picousd - paired.billed_picousd as variance_picousd,
        {{ unit_suspect('paired.billed_picousd', 'paired.logged_picousd') }} as unit_suspect
    from paired
),

-- Only what is billed is compared: a provider nobody reads bills of makes no variance.
in_total as (
    select
        workspace_id,
        utc_day,
        'all' as provider,
        {{ reconciled_sums() }},
        case
            when bool_or(billed_by = 'day') then 'day'
            when bool_or(billed_by = 'period') then 'period'
            else 'none'
        end as billed_by
    from by_provider
    group by workspace_id, utc_day
),

combined as (
    select
        workspace_id,
        utc_day,
        provider,
        {{ reconciled_columns() }},
        billed_by
    from by_provider
    union all
    select
        workspace_id,
        utc_day,
        provider,
        {{ reconciled_columns() }},
        billed_by
    from in_total
),

final as (
    select
        *,
        {{ variance_colour('variance_picousd', 'billed_picousd') }} as colour
    from combined
)

select * from final
