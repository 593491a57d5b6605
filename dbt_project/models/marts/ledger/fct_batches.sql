with

batches as (select * from {{ ref('stg_batches') }}),

repeats as (select * from {{ ref('stg_request_repeats') }}),

expired as (select * from {{ ref('stg_expired_requests') }}),

repeats_by_batch as (
    select
        batch_key,
        count(*) as repeat_count,
        count(*) filter (where is_conflict) as conflict_count
    from repeats
    group by batch_key
),

counted as (
    select
        batches.*,
        coalesce(repeats_by_batch.repeat_count, 0) as repeat_count,
        coalesce(repeats_by_batch.conflict_count, 0) as conflict_count,
        coalesce(expired.expired_count, 0) as expired_count
    from batches
    left join repeats_by_batch on batches.batch_key = repeats_by_batch.batch_key
    left join expired on batches.batch_key = expired.batch_key
),

-- The door counted rows as landed before anyone could know that an earlier batch had brought them. Rows past retention
-- are no longer compared with each other: they count as the door counted them.
final as (
    select
        batch_key,
        batch_id,
        workspace_id,
        device_id,
        received_at,
        received_count,
        landed_count - repeat_count as landed_count,
        duplicate_count + repeat_count - conflict_count as duplicate_count,
        quarantined_count + conflict_count as quarantined_count,
        conflict_count,
        expired_count,
        file_seq
    from counted
)

select * from final
