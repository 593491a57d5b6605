{{ config(materialized='table', pre_hook=["{{ point_at_exports() }}"]) }}

with

reattributions as (select * from {{ ref('stg_reattributions') }}),

-- The instants at which another decision may begin to hold.
edges as (
    select
        workspace_id,
        from_project,
        device_id,
        starts_at as edge
    from reattributions
    union
    select
        workspace_id,
        from_project,
        device_id,
        ends_at as edge
    from reattributions
),

stretches as (
    select
        workspace_id,
        from_project,
        device_id,
        edge as starts_at,
        lead(edge) over (partition by workspace_id, from_project, device_id order by edge) as ends_at
    from edges
),

-- The newest decision of the same reach holds; where none does, there is no row.
final as (
    select
        stretches.workspace_id,
        stretches.from_project,
        stretches.device_id,
        stretches.starts_at,
        stretches.ends_at,
        max_by(reattributions.to_project, reattributions.decision_number) as to_project,
        max(reattributions.decision_number) as decision_number
    from stretches
    inner join reattributions
        on
            stretches.workspace_id = reattributions.workspace_id
            and stretches.from_project = reattributions.from_project
            and stretches.device_id is not distinct from reattributions.device_id
            and stretches.starts_at >= reattributions.starts_at
            and stretches.ends_at <= reattributions.ends_at
    group by
        stretches.workspace_id,
        stretches.from_project,
        stretches.device_id,
        stretches.starts_at,
        stretches.ends_at
)

select * from final
