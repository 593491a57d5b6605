with

workspaces as (select * from {{ ref('stg_workspaces') }}),

final as (select * from workspaces)

select * from final
