-- A batch's settled landed_count is the number of first copies it brought, those past retention included; for batches
-- since the last good build.
with

batches as (
    select *
    from {{ ref('fct_batches') }}
    where file_seq > {{ since_file_seq() }}
),

requests as (
    select *
    from {{ ref('int_requests_priced') }}
    where file_seq > {{ since_file_seq() }}
),

kept as (
    select
        batch_key,
        count(*) as kept_count
    from requests
    group by batch_key
),

final as (
    select
        coalesce(batches.batch_key, kept.batch_key) as batch_key,
        batches.landed_count,
        batches.expired_count,
        kept.kept_count
    from batches
    full outer join kept on batches.batch_key = kept.batch_key
    where batches.landed_count is distinct from coalesce(kept.kept_count, 0) + batches.expired_count
)

select * from final
