-- Every metered request is under one attribution method: as many, and as much money, as the roll-up has.
with

by_method as (
    select
        workspace_id,
        utc_month,
        provider,
        sum(requests) as requests,
        sum(cost_logged_millicents) as cost_logged_millicents,
        sum(cost_priced_picousd) as cost_priced_picousd
    from {{ ref('mart_unattributed_spend') }}
    group by workspace_id, utc_month, provider
),

rolled_up as (
    select
        workspace_id,
        cast(date_trunc('month', utc_day) as date) as utc_month,
        provider,
        sum(requests) as requests,
        sum(cost_logged_millicents) as cost_logged_millicents,
        sum(cost_priced_picousd) as cost_priced_picousd
    from {{ source('published', 'mart_spend_15min') }}
    where spend_kind = 'metered' and withheld_reason is null
    group by workspace_id, utc_month, provider
),

missing as (
    select * from rolled_up
    except
    select * from by_method
),

surplus as (
    select * from by_method
    except
    select * from rolled_up
),

final as (
    select * from missing
    union all
    select * from surplus
)

select * from final
