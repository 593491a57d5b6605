with

usage as (select * from {{ ref('int_usage') }}),

summed as (
    select
        {{ scope() }},
        {{ usage_sums('error_samples') }},
        cast(sum(billed_error_requests) as bigint) as error_requests,
        sum(error_spend_picousd) as error_spend_picousd
    from usage
    group by {{ scope() }}
    having sum(error_spend_picousd) > 0
),

final as (
    select
        {{ finding(
            'billed_errors',
            'error_spend_picousd',
            "case when error_requests * 10 >= requests then 'medium' else 'low' end",
            "format('{:,} calls failed and were billed all the same, {:d} % of all.', error_requests, "
            ~ percent_of('error_requests', 'requests') ~ ')',
            '{error_requests: error_requests}',
        ) }}
    from summed
)

select * from final
