with

findings as (select * from {{ ref('int_findings') }}),

checks as (select * from {{ ref('optimisation_checks') }}),

final as (
    select
        findings.workspace_id,
        findings.check_id,
        checks.title,
        checks.what,
        findings.project,
        findings.provider,
        findings.model,
        findings.window_number,
        {{ window_from('findings.window_number') }} as window_from,
        {{ window_until('findings.window_number') }} as window_until,
        findings.requests,
        findings.spend_picousd,
        findings.saving_picousd
    from findings
    inner join checks on findings.check_id = checks.check_id
)

select * from final
