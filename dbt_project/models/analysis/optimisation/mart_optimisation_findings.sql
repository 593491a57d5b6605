with

findings as (select * from {{ ref('int_findings') }}),

checks as (select * from {{ ref('optimisation_checks') }}),

decisions as (select * from {{ ref('int_standing_decisions') }}),

models as (select * from {{ source('published', 'dim_models') }}),

alternatives as (select * from {{ ref('model_alternatives') }}),

others as (
    select
        provider,
        other_ref,
        min(other_name) as other_name
    from alternatives
    group by provider, other_ref
),

-- A decision holds for whatever it does not name: a check in every project, a project for every check.
decided as (
    select
        findings.workspace_id,
        findings.check_id,
        findings.project,
        findings.provider,
        findings.model,
        bool_or(decisions.kind in ('suppress', 'dismiss')) as is_silenced,
        arg_max(decisions.decision_id, (decisions.decided_at, decisions.decision_id)) filter (
            where decisions.kind = 'accept'
        ) as decision_id
    from findings
    inner join decisions
        on
            findings.workspace_id = decisions.workspace_id
            and (decisions.check_id is null or findings.check_id = decisions.check_id)
            and (decisions.project is null or findings.project is not distinct from decisions.project)
            and (decisions.provider is null or findings.provider is not distinct from decisions.provider)
            and (decisions.model is null or findings.model is not distinct from decisions.model)
    where findings.window_number = 0
    group by all
),

told as (
    select
        findings.*,
        decided.decision_id,
        sha256(concat_ws(
            '|',
            findings.workspace_id,
            findings.check_id,
            coalesce(findings.project, ''),
            coalesce(findings.provider, ''),
            coalesce(findings.model, '')
        )) as finding_id
    from findings
    left join decided
        on
            findings.workspace_id = decided.workspace_id
            and findings.check_id = decided.check_id
            and findings.project is not distinct from decided.project
            and findings.provider is not distinct from decided.provider
            and findings.model is not distinct from decided.model
    where findings.window_number = 0 and not coalesce(decided.is_silenced, false)
),

-- Findings about one model of one project may be about the same requests: only the largest counts towards a total.
overlapping as (
    select
        *,
        list_filter(
            list(check_id) over (partition by workspace_id, project, provider, model),
            lambda one: one <> check_id
        ) as other_checks,
        row_number() over (
            partition by workspace_id, project, provider, model
            order by saving_picousd desc, check_id asc
        ) = 1 as is_counted
    from told
),

final as (
    select
        overlapping.workspace_id,
        overlapping.finding_id,
        overlapping.check_id,
        checks.title,
        overlapping.project,
        overlapping.provider,
        overlapping.model,
        overlapping.other_model,
        case when overlapping.decision_id is null then 'open' else 'accepted' end as state,
        overlapping.decision_id,
        replace(
            replace(
                replace(
                    replace(
                        checks.sentence,
                        '{model}',
                        coalesce(models.display_name, overlapping.model, '')
                    ),
                    '{other}',
                    coalesce(others.other_name, overlapping.other_model, '')
                ),
                '{saving}',
                {{ dollars('overlapping.saving_picousd') }}
            ),
            '{project}',
            coalesce(overlapping.project, '')
        )
        || case
            when overlapping.requests = 0 then ''
            else
                format(
                    ' Based on {:,} requests in the last {:d} days.',
                    overlapping.requests,
                    {{ var('analysis_window_days') }}
                )
        end as sentence,
        overlapping.requests,
        {{ window_from(0) }} as window_from,
        {{ window_until(0) }} as window_until,
        overlapping.spend_picousd,
        overlapping.saving_picousd as saving_30d_picousd,
        case when overlapping.is_counted then overlapping.saving_picousd else 0 end as counted_saving_picousd,
        list_sort(overlapping.other_checks) as overlaps_with,
        overlapping.confidence,
        overlapping.confidence_reason,
        overlapping.evidence,
        overlapping.sample_request_ids
    from overlapping
    inner join checks on overlapping.check_id = checks.check_id
    left join models
        on
            overlapping.provider = models.provider
            and overlapping.model = models.model
    left join others
        on
            overlapping.provider = others.provider
            and overlapping.other_model = others.other_ref
)

select * from final
