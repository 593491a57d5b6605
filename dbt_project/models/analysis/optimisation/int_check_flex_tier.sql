with

tiers as (select * from {{ ref('int_tier_prices') }}),

final as (
    select
        {{ finding(
            'flex_tier',
            'saving_picousd',
            "case when requests * 5 >= all_requests * 4 and days_seen >= 5 then 'high'"
            ~ " when requests * 2 >= all_requests and days_seen >= 2 then 'medium' else 'low' end",
            "format('{:d} % of the {:,} calls of this model come outside working hours, on at least {:d} {}.', "
            ~ percent_of('requests', 'all_requests') ~ ", all_requests, days_seen, if(days_seen = 1, 'day', 'days'))",
            "{all_requests: all_requests, error_requests: error_requests,"
            ~ " other_picousd: cast(other_picousd as varchar)}",
            other="other_tier",
        ) }}
    from tiers
    where service_tier = 'standard' and other_tier = 'flex'
)

select * from final
