with

workspaces as (select * from {{ source('published', 'dim_workspaces') }}),

batches as (select * from {{ source('published', 'fct_batches') }}),

-- A workspace's own newest batch: that of all would tell what others do.
final as (
    select
        workspaces.workspace_id,
        any_value(workspaces.time_zone) as time_zone,
        max(batches.received_at) as data_as_of
    from workspaces
    left join batches on workspaces.workspace_id = batches.workspace_id
    group by workspaces.workspace_id
)

select * from final
