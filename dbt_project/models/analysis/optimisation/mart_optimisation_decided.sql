with

decisions as (select * from {{ source('finance', 'decisions') }}),

checks as (select * from {{ ref('optimisation_checks') }}),

-- Who accepts or dismisses is shown a finding; who suppresses need not be.
final as (
    select distinct
        decisions.workspace_id,
        decisions.check_id,
        checks.title,
        checks.what,
        decisions.project,
        decisions.provider,
        decisions.model
    from decisions
    inner join checks on decisions.check_id = checks.check_id
    where decisions.kind in ('accept', 'dismiss')
)

select * from final
