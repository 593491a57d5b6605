with

closes as (
    select *
    from {{ source('finance', 'closes') }}
    where reopened_at is null
),

totals as (
    select *
    from {{ source('finance', 'close_totals') }}
    where provider <> 'all'
),

months as (select * from {{ ref('mart_reconciliation_monthly') }}),

requests as (select * from {{ ref('int_request_differences') }}),

workspaces as (select * from {{ source('published', 'dim_workspaces') }}),

late as (
    select
        closes.workspace_id,
        closes.close_id,
        requests.provider,
        count(*) as requests,
        sum(requests.logged_picousd) as logged_picousd,
        sum(requests.priced_picousd) as priced_picousd
    from closes
    inner join requests
        on
            closes.workspace_id = requests.workspace_id
            and closes.max_file_seq < requests.file_seq
            and closes.month <= requests.utc_day
            and closes.month + interval 1 month > requests.utc_day
    group by closes.workspace_id, closes.close_id, requests.provider
),

-- Providers that were signed, and those that came later.
providers as (
    select
        closes.workspace_id,
        closes.close_id,
        totals.provider
    from closes
    inner join totals on closes.close_id = totals.close_id
    union
    select
        closes.workspace_id,
        closes.close_id,
        months.provider
    from closes
    inner join months
        on
            closes.workspace_id = months.workspace_id
            and closes.month = months.utc_month
    where months.provider <> 'all'
),

compared as (
    select
        closes.workspace_id,
        closes.close_id,
        closes.month,
        closes.closed_at,
        providers.provider,
        coalesce(late.requests, 0) as late_requests,
        coalesce(workspaces.retained_from > closes.month, false) as has_expired,
        {% for measure in ['logged', 'priced', 'billed'] %}
            coalesce(cast(totals.{{ measure }}_picousd as hugeint), 0) as {{ measure }}_said,
            coalesce(months.{{ measure }}_picousd, 0) as {{ measure }}_now,
        {% endfor %}
        coalesce(late.logged_picousd, 0) as logged_late,
        coalesce(late.priced_picousd, 0) as priced_late
    from closes
    inner join providers on closes.close_id = providers.close_id
    left join totals
        on
            closes.close_id = totals.close_id
            and providers.provider = totals.provider
    left join months
        on
            closes.workspace_id = months.workspace_id
            and closes.month = months.utc_month
            and providers.provider = months.provider
    left join late
        on
            closes.close_id = late.close_id
            and providers.provider = late.provider
    left join workspaces on closes.workspace_id = workspaces.workspace_id
),

-- What late requests do not explain has one cause left each: the log is kept as it came, the bill has no other.
caused as (
    {% for measure, remainder in [('logged', "'corrected'"), ('priced', "'repriced'")] %}
        select
            *,
            '{{ measure }}' as measure,
            'late_requests' as cause,
            {{ measure }}_said as said_picousd,
            {{ measure }}_now as now_picousd,
            {{ measure }}_late as change_picousd,
            late_requests as requests
        from compared
        union all
        select
            *,
            '{{ measure }}' as measure,
            case when has_expired then 'expired' else {{ remainder }} end as cause,
            {{ measure }}_said as said_picousd,
            {{ measure }}_now as now_picousd,
            {{ measure }}_now - {{ measure }}_said - {{ measure }}_late as change_picousd,
            cast(null as bigint) as requests
        from compared
        union all
    {% endfor %}
    select
        *,
        'billed' as measure,
        'bill_restated' as cause,
        billed_said as said_picousd,
        billed_now as now_picousd,
        billed_now - billed_said as change_picousd,
        cast(null as bigint) as requests
    from compared
),

final as (
    select
        workspace_id,
        close_id,
        month as utc_month,
        closed_at,
        provider,
        measure,
        cause,
        cast(said_picousd as hugeint) as said_picousd,
        cast(change_picousd as hugeint) as change_picousd,
        cast(now_picousd as hugeint) as now_picousd,
        requests
    from caused
    where change_picousd <> 0 or coalesce(requests, 0) > 0
)

select * from final
