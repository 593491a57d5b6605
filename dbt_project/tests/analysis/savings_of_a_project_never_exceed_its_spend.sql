-- What totals add up is at most what was spent, model by model: nothing is saved twice.
with

counted as (
    select
        workspace_id,
        project,
        provider,
        model,
        sum(counted_saving_picousd) as saving_picousd
    from {{ ref('mart_optimisation_findings') }}
    group by workspace_id, project, provider, model
),

spent as (
    select
        workspace_id,
        project,
        provider,
        model,
        sum(cost_priced_picousd) as spend_picousd
    from {{ source('published', 'mart_spend_15min') }}
    where
        spend_kind = 'metered'
        and withheld_reason is null
        and utc_day >= {{ window_from(0) }}
    group by workspace_id, project, provider, model
)

select counted.*
from counted
left join spent
    on
        counted.workspace_id = spent.workspace_id
        and counted.project = spent.project
        and counted.provider = spent.provider
        and counted.model = spent.model
where counted.saving_picousd > coalesce(spent.spend_picousd, 0)
