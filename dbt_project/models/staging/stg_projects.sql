with

projects as (select * from {{ source('exports', 'projects') }}),

final as (
    select
        cast(workspace_id as uuid) as workspace_id,
        project,
        display_name,
        client_name,
        cost_centre,
        cost_centre_name,
        cast(first_seen_at as timestamp) as first_seen_at,
        cast(withheld_since as timestamp) as withheld_since,
        withheld_reason,
        cast(visibility_version as bigint) as visibility_version
    from projects
)

select * from final
