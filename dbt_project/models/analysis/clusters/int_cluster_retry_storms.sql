with

requests as (select * from {{ ref('int_repeated_requests') }}),

attempts as (
    select
        *,
        coalesce(
            lag(status) over attempts = 'error'
            and requested_at <= lag(ended_at) over attempts + interval {{ var('analysis_retry_seconds') }} second,
            false
        ) as is_retry
    from requests
    window attempts as (partition by {{ cluster_key() }}, device_id order by requested_at, request_id)
),

numbered as (
    select
        *,
        count(*) filter (where not is_retry) over (
            partition by {{ cluster_key() }}, device_id
            order by requested_at, request_id
            rows unbounded preceding
        ) as storm_number
    from attempts
),

-- What a storm was for is its first success; without one, its first attempt.
storms as (
    select
        *,
        count(*) over (partition by {{ cluster_key() }}, device_id, storm_number) as attempts,
        row_number() over (
            partition by {{ cluster_key() }}, device_id, storm_number
            order by status <> 'success', requested_at, request_id
        ) > 1 as is_wasted
    from numbered
    qualify attempts >= {{ var('analysis_retry_storm_requests') }}
),

placed as (
    select
        *,
        row_number() over (partition by {{ cluster_key() }} order by requested_at, request_id) as place
    from storms
),

final as (
    select
        {{ cluster_measures(
            'retry_storm',
            'sum(cost_priced_picousd) filter (where is_wasted)',
            "{storms: count(distinct (device_id, storm_number)), longest: max(attempts),"
            ~ " errors: count(*) filter (where status = 'error')}",
        ) }}
    from placed
    group by {{ cluster_key() }}
)

select * from final
