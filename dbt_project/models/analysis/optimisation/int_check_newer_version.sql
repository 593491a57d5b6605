with

swaps as (select * from {{ ref('int_swaps') }}),

final as (
    select
        {{ finding(
            'newer_version',
            'saving_picousd',
            "case when error_requests * 20 <= requests then 'high' else 'medium' end",
            "format('It succeeds the model in its family and costs {:d} % less for the same tokens.', "
            ~ percent_of('saving_picousd', 'spend_picousd') ~ ')',
            "{other_picousd: cast(other_picousd as varchar), error_requests: error_requests}",
            other='other_ref',
        ) }}
    from swaps
    where relation = 'newer_version'
)

select * from final
