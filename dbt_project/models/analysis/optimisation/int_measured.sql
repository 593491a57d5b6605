with

accepted as (select * from {{ ref('int_accepted') }}),

bundles as (
    select
        workspace_id,
        counted_with,
        project,
        provider,
        list(distinct model) as models,
        list(distinct other_model) filter (where other_model is not null) as other_models,
        case when bool_or(unit = 'distinct_prompts') then 'distinct_prompts' else 'requests' end as unit,
        bool_and(is_by_length) as is_by_length,
        min(decided_on) as first_day,
        max(decided_on) as last_day
    from accepted
    group by workspace_id, counted_with, project, provider
),

-- The day of a decision is neither before nor after it, and no day is after two of them.
final as (
    select
        * exclude (first_day, last_day),
        greatest(
            first_day - {{ var('analysis_realised_days_most') }},
            coalesce(lag(last_day) over neighbours + 1, first_day - {{ var('analysis_realised_days_most') }})
        ) as before_from,
        first_day - 1 as before_until,
        last_day + 1 as after_from,
        least({{ analysis_day() }}, coalesce(lead(first_day) over neighbours - 1, {{ analysis_day() }})) as after_until
    from bundles
    window neighbours as (partition by workspace_id, project, provider order by first_day)
)

select * from final
