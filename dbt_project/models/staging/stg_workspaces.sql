with

workspaces as (select * from {{ source('exports', 'workspaces') }}),

final as (
    select
        cast(workspace_id as uuid) as workspace_id,
        slug,
        name,
        plan,
        time_zone,
        cast(retained_from as date) as retained_from
    from workspaces
)

select * from final
