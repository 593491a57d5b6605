with

tiers as (select * from {{ ref('int_tier_prices') }}),

final as (
    select
        {{ finding(
            'priority_unneeded',
            'saving_picousd',
            "case when requests * 5 >= all_requests * 4 and days_seen >= 5 then 'high'"
            ~ " when requests * 2 >= all_requests and days_seen >= 2 then 'medium' else 'low' end",
            "format('{:d} % of the {:,} calls in the tier {} come outside working hours, on at least {:d} {}, when few people wait.', "
            ~ percent_of('requests', 'all_requests') ~ ", all_requests, service_tier, days_seen, if(days_seen = 1, 'day', 'days'))",
            "{all_requests: all_requests, service_tier: service_tier,"
            ~ " other_picousd: cast(other_picousd as varchar)}",
            other="other_tier",
        ) }}
    from tiers
    where service_tier in ('priority', 'fast') and other_tier = 'standard'
    qualify row_number() over (partition by {{ scope() }} order by saving_picousd desc, service_tier asc) = 1
)

select * from final
