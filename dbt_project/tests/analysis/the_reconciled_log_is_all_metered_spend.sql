-- What is held against bills is every metered request of the roll-up, withheld ones included: they were billed too.
with

reconciled as (
    select
        workspace_id,
        provider,
        utc_day,
        requests,
        logged_picousd
    from {{ ref('int_logged_days') }}
),

rolled_up as (
    select
        workspace_id,
        provider,
        utc_day,
        cast(sum(requests) as bigint) as requests,
        cast(sum(cost_logged_millicents) * 10000000 as hugeint) as logged_picousd
    from {{ source('published', 'mart_spend_15min') }}
    where spend_kind = 'metered'
    group by workspace_id, provider, utc_day
),

missing as (
    select * from rolled_up
    except
    select * from reconciled
),

surplus as (
    select * from reconciled
    except
    select * from rolled_up
),

final as (
    select * from missing
    union all
    select * from surplus
)

select * from final
