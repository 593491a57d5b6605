with

billed_days as (select * from {{ ref('int_billed_days') }}),

lines as (select * from {{ source('finance', 'bill_lines') }}),

periods as (select * from {{ source('finance', 'bill_periods') }}),

closes as (select * from {{ source('finance', 'closes') }}),

closed_months as (
    select
        workspace_id,
        month,
        max(closed_at) as closed_at
    from closes
    where reopened_at is null
    group by workspace_id, month
),

-- Statements as the reconciliation takes them: none of a month counts twice.
counted as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        utc_month,
        unnest(period_ids) as period_id
    from billed_days
    where counts_in_month
),

final as (
    select
        counted.workspace_id,
        counted.period_id,
        lines.line_number,
        counted.provider,
        counted.first_day,
        counted.last_day,
        counted.utc_month,
        lines.description,
        lines.amount_picousd,
        coalesce(periods.read_at > closed_months.closed_at, false) as is_correction
    from counted
    inner join periods
        on
            counted.workspace_id = periods.workspace_id
            and counted.period_id = periods.period_id
    inner join lines
        on
            counted.workspace_id = lines.workspace_id
            and counted.period_id = lines.period_id
    left join closed_months
        on
            counted.workspace_id = closed_months.workspace_id
            and counted.utc_month = closed_months.month
    where lines.category = 'credit'
)

select * from final
