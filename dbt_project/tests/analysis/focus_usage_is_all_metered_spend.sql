-- Usage in FOCUS is every metered request the dashboards show: its logged cost and, where rates are known, its price.
with

focus as (
    select
        workspace_id,
        cast(charge_period_start as date) as utc_day,
        sub_account_id as project,
        sum(billed_cost) as logged_usd,
        sum(case when sku_price_id is not null then contracted_cost else 0 end) as priced_usd,
        sum(coalesce(cast(tags ->> '$."halton/requests"' as hugeint), 0)) as requests
    from {{ ref('mart_focus_1_2') }}
    where charge_category = 'Usage'
    group by workspace_id, utc_day, project
),

rolled_up as (
    select
        workspace_id,
        utc_day,
        project,
        sum({{ focus_money('cost_logged_millicents * ' ~ one_millicent()) }}) as logged_usd,
        sum({{ focus_money('cost_priced_picousd') }}) as priced_usd,
        sum(requests) as requests
    from {{ source('published', 'mart_spend_15min') }}
    where spend_kind = 'metered' and withheld_reason is null
    group by workspace_id, utc_day, project
),

missing as (
    select * from rolled_up
    except
    select * from focus
),

surplus as (
    select * from focus
    except
    select * from rolled_up
),

final as (
    select * from missing
    union all
    select * from surplus
)

select * from final
