with

model_aliases as (select * from {{ source('exports', 'model_aliases') }}),

final as (
    select
        provider,
        model,
        model_ref,
        display_name
    from model_aliases
)

select * from final
