-- Nothing acknowledged is lost: rows of the ledger's files = first copies + later copies + rows past retention, and
-- every first copy is in the roll-up.
with

files as (select sum(row_count) as row_count from {{ ref('stg_landed_files') }}),

requests as (select count(*) as row_count from {{ ref('int_requests_priced') }}),

repeats as (select count(*) as row_count from {{ ref('stg_request_repeats') }}),

expired as (select sum(expired_count) as row_count from {{ ref('stg_expired_requests') }}),

rolled_up as (select sum(requests) as row_count from {{ ref('mart_spend_15min') }}),

final as (
    select
        coalesce(files.row_count, 0) as landed_rows,
        requests.row_count as first_copies,
        repeats.row_count as later_copies,
        coalesce(expired.row_count, 0) as expired_rows,
        coalesce(rolled_up.row_count, 0) as rolled_up_requests
    from files
    cross join requests
    cross join repeats
    cross join expired
    cross join rolled_up
)

select *
from final
where
    landed_rows <> first_copies + later_copies + expired_rows
    or rolled_up_requests <> first_copies
