with

devices as (select * from {{ ref('stg_devices') }}),

final as (select * from devices)

select * from final
