with

decisions as (select * from {{ ref('int_standing_decisions') }}),

checks as (select * from {{ ref('optimisation_checks') }}),

accepted as (
    select
        decisions.*,
        checks.unit,
        -- Where the length of the prompt, or how often it is sent, is what was to change, they are not held fixed.
        decisions.check_id <> 'long_context' and checks.unit = 'requests' as is_by_length,
        cast(decisions.decided_at as date) as decided_on
    from decisions
    inner join checks on decisions.check_id = checks.check_id
    where
        decisions.kind = 'accept'
        and decisions.project is not null
        and decisions.provider is not null
        and decisions.model is not null
        and checks.counts_money
),

started as (
    select
        *,
        coalesce(
            decided_on - lag(decided_on) over taken < {{ var('analysis_realised_days') }}, false
        ) as is_with_the_one_before
    from accepted
    window taken as (partition by workspace_id, project, provider order by decided_at, decision_id)
),

-- What was decided within days of each other is measured as one: nothing tells their effects apart.
bundled as (
    select
        *,
        count(*) filter (where not is_with_the_one_before) over (
            partition by workspace_id, project, provider
            order by decided_at, decision_id
            rows unbounded preceding
        ) as bundle_number
    from started
),

final as (
    select
        * exclude (is_with_the_one_before),
        first_value(decision_id) over (
            partition by workspace_id, project, provider, bundle_number
            order by decided_at, decision_id
        ) as counted_with
    from bundled
)

select * from final
