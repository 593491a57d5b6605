with

projects as (select * from {{ ref('stg_projects') }}),

final as (select * from projects)

select * from final
