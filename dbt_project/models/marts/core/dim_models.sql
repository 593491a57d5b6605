with

model_aliases as (select * from {{ ref('stg_model_aliases') }}),

final as (select * from model_aliases)

select * from final
