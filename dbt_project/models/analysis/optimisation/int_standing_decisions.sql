with

decisions as (select * from {{ source('finance', 'decisions') }}),

final as (
    select
        workspace_id,
        decision_id,
        kind,
        check_id,
        project,
        provider,
        model,
        other_model,
        quoted_saving_picousd,
        decided_at
    from decisions
    where withdrawn_at is null
)

select * from final
