-- Of the figures that count in a month no two hold the same day of a provider.
with

counted as (
    select *
    from {{ ref('int_billed_days') }}
    where counts_in_month
)

select
    one.workspace_id,
    one.provider,
    one.first_day,
    other.first_day as other_first_day
from counted as one
inner join counted as other
    on
        one.workspace_id = other.workspace_id
        and one.provider = other.provider
        and one.first_day <= other.last_day
        and one.last_day >= other.first_day
where (one.first_day, one.last_day) <> (other.first_day, other.last_day)
