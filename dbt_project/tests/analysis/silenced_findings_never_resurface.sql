-- No finding is told that a standing decision dismissed or suppressed.
select
    findings.workspace_id,
    findings.finding_id,
    decisions.decision_id
from {{ ref('mart_optimisation_findings') }} as findings
inner join {{ source('finance', 'decisions') }} as decisions
    on findings.workspace_id = decisions.workspace_id
where
    decisions.withdrawn_at is null
    and decisions.kind <> 'accept'
    and findings.check_id = coalesce(decisions.check_id, findings.check_id)
    and coalesce(findings.project, '') = coalesce(decisions.project, findings.project, '')
    and coalesce(findings.provider, '') = coalesce(decisions.provider, findings.provider, '')
    and coalesce(findings.model, '') = coalesce(decisions.model, findings.model, '')
