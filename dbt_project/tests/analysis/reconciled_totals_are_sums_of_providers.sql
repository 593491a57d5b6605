-- Rows of all providers are the sums of the others, by day and by month, and months hold the log of their days.
with

days as (select * from {{ ref('mart_reconciliation_daily') }}),

months as (select * from {{ ref('mart_reconciliation_monthly') }}),

periods as (
    select
        workspace_id,
        'day' as grain,
        utc_day as starts_on,
        provider,
        {{ reconciled_columns() }}
    from days
    union all
    select
        workspace_id,
        'month' as grain,
        utc_month as starts_on,
        provider,
        {{ reconciled_columns() }}
    from months
),

sums as (
    select
        workspace_id,
        grain,
        starts_on,
        provider = 'all' as is_total,
        sum(requests) as requests,
        sum(logged_picousd) as logged_picousd,
        sum(awaiting_picousd) as awaiting_picousd,
        sum(billed_picousd) as billed_picousd,
        sum(variance_picousd) as variance_picousd
    from periods
    group by all
),

unequal_totals as (
    select * exclude (is_total)
    from sums
    where is_total
    except
    select * exclude (is_total)
    from sums
    where not is_total
),

logs as (
    select
        workspace_id,
        grain,
        sum(requests) as requests,
        sum(logged_picousd) as logged_picousd
    from sums
    where is_total
    group by workspace_id, grain
),

unequal_logs as (
    select workspace_id
    from logs
    group by workspace_id
    having count(distinct requests) > 1 or count(distinct logged_picousd) > 1
),

final as (
    select workspace_id
    from unequal_totals
    union all
    select workspace_id
    from unequal_logs
)

select * from final
