with

reattributions as (select * from {{ ref('stg_reattributions') }}),

final as (select * from reattributions)

select * from final
