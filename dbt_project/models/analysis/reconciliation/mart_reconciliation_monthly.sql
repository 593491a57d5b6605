with

logged as (select * from {{ ref('int_logged_days') }}),

spans as (select * from {{ ref('int_billed_days') }}),

days as (
    select *
    from {{ ref('mart_reconciliation_daily') }}
    where provider <> 'all'
),

counted as (
    select *
    from spans
    where counts_in_month
),

-- Days of the log, and whether a figure that counts in the month holds them; figures never overlap.
logged_months as (
    select
        logged.workspace_id,
        logged.provider,
        cast(date_trunc('month', logged.utc_day) as date) as utc_month,
        sum(logged.requests) as requests,
        sum(logged.unpriced_requests) as unpriced_requests,
        sum(logged.unrated_requests) as unrated_requests,
        sum(logged.withheld_requests) as withheld_requests,
        sum(logged.logged_picousd) as logged_picousd,
        sum(logged.priced_picousd) as priced_picousd,
        coalesce(sum(logged.logged_picousd) filter (where counted.provider is null), 0) as awaiting_picousd,
        count(*) filter (where counted.provider is null) as awaiting_days
    from logged
    left join counted
        on
            logged.workspace_id = counted.workspace_id
            and logged.provider = counted.provider
            and logged.utc_day between counted.first_day and counted.last_day
    group by logged.workspace_id, logged.provider, date_trunc('month', logged.utc_day)
),

billed_months as (
    select
        workspace_id,
        provider,
        utc_month,
        sum(billed_picousd) filter (where counts_in_month) as billed_picousd,
        sum(tax_picousd) filter (where counts_in_month) as tax_picousd,
        sum(prepaid_picousd) filter (where counts_in_month) as prepaid_picousd,
        case
            when count(distinct source) filter (where counts_in_month) > 1 then 'several'
            else any_value(source) filter (where counts_in_month)
        end as source,
        coalesce(bool_and(is_complete) filter (where counts_in_month), false) as is_complete,
        count(*) filter (where date_trunc('month', first_day) <> date_trunc('month', last_day)) as statements_across
    from spans
    group by workspace_id, provider, utc_month
),

-- A day with the wrong unit, where it counts, shows in no month's ratio.
suspect_days as (
    select
        days.workspace_id,
        days.provider,
        counted.utc_month,
        max(days.unit_suspect) as unit_suspect
    from days
    inner join counted
        on
            days.workspace_id = counted.workspace_id
            and days.provider = counted.provider
            and days.utc_day = counted.first_day
            and days.utc_day = counted.last_day
    where days.unit_suspect is not null
    group by days.workspace_id, days.provider, counted.utc_month
),

paired as (
    select
        coalesce(logged_months.workspace_id, billed_months.workspace_id) as workspace_id,
        coalesce(logged_months.utc_month, billed_months.utc_month) as utc_month,
        coalesce(logged_months.provider, billed_months.provider) as provider,
        coalesce(logged_months.requests, 0) as requests,
        coalesce(logged_months.unpriced_requests, 0) as unpriced_requests,
        coalesce(logged_months.unrated_requests, 0) as unrated_requests,
        coalesce(logged_months.withheld_requests, 0) as withheld_requests,
        coalesce(logged_months.logged_picousd, 0) as logged_picousd,
        coalesce(logged_months.priced_picousd, 0) as priced_picousd,
        coalesce(logged_months.awaiting_picousd, 0) as awaiting_picousd,
        coalesce(logged_months.awaiting_days, 0) as awaiting_days,
        billed_months.billed_picousd,
        billed_months.tax_picousd,
        billed_months.prepaid_picousd,
        billed_months.source,
        billed_months.is_complete as is_stated_whole,
        coalesce(billed_months.statements_across, 0) as statements_across
    from logged_months
    full outer join billed_months
        on
            logged_months.workspace_id = billed_months.workspace_id
            and logged_months.provider = billed_months.provider
            and logged_months.utc_month = billed_months.utc_month
),

by_provider as (
    select
        paired.*,
        paired.logged_picousd - paired.awaiting_picousd - paired.billed_picousd as variance_picousd,
        coalesce(paired.is_stated_whole, false)
        and paired.awaiting_days = 0
        and paired.utc_month + interval 1 month <= cast('{{ var("analysis_as_of") }}' as timestamp) as is_complete,
        coalesce(
            {{ unit_suspect('paired.billed_picousd', '(paired.logged_picousd - paired.awaiting_picousd)') }},
            suspect_days.unit_suspect
        ) as unit_suspect
    from paired
    left join suspect_days
        on
            paired.workspace_id = suspect_days.workspace_id
            and paired.provider = suspect_days.provider
            and paired.utc_month = suspect_days.utc_month
),

in_total as (
    select
        workspace_id,
        utc_month,
        'all' as provider,
        {{ reconciled_sums() }},
        sum(statements_across) as statements_across
    from by_provider
    group by workspace_id, utc_month
),

combined as (
    select
        workspace_id,
        utc_month,
        provider,
        {{ reconciled_columns() }},
        cast(statements_across as bigint) as statements_across
    from by_provider
    union all
    select
        workspace_id,
        utc_month,
        provider,
        {{ reconciled_columns() }},
        cast(statements_across as bigint) as statements_across
    from in_total
),

final as (
    select
        *,
        {{ variance_colour('variance_picousd', 'billed_picousd') }} as colour
    from combined
)

select * from final
