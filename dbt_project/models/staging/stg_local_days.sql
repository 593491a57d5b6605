with

local_days as (select * from {{ source('exports', 'local_days') }}),

final as (
    select
        time_zone,
        local_day,
        local_month,
        cast(starts_at as timestamp) as starts_at,
        cast(ends_at as timestamp) as ends_at
    from local_days
)

select * from final
