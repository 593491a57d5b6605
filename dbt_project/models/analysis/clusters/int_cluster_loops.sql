{%- set others = var('analysis_loop_requests') | int - 1 -%}
with

requests as (select * from {{ ref('int_repeated_requests') }}),

timed as (
    select
        *,
        coalesce(
            requested_at <= lag(requested_at, {{ others }}) over calls
            + interval {{ var('analysis_loop_seconds') }} second,
            false
        ) as ends_a_run
    from requests
    window calls as (partition by {{ cluster_key() }}, device_id order by requested_at, request_id)
),

-- Every call of a run, not only the one that completes it.
looping as (
    select
        *,
        bool_or(ends_a_run) over (
            partition by {{ cluster_key() }}, device_id
            order by requested_at, request_id
            rows between current row and {{ others }} following
        ) as is_in_a_run
    from timed
    qualify is_in_a_run
),

placed as (
    select
        *,
        row_number() over (partition by {{ cluster_key() }}, device_id order by requested_at, request_id) as place
    from looping
),

final as (
    select
        {{ cluster_measures(
            'loop',
            'sum(cost_priced_picousd) filter (where place > 1)',
            "{seconds: date_diff('second', min(requested_at), max(requested_at)),"
            ~ " errors: count(*) filter (where status = 'error')}",
            device='device_id',
        ) }}
    from placed
    group by {{ cluster_key() }}, device_id
)

select * from final
