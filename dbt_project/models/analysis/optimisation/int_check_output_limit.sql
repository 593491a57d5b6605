{%- set short = var('analysis_short_output_tokens') -%}
with

usage as (select * from {{ ref('int_usage') }}),

summed as (
    select
        {{ scope() }},
        {{ usage_sums() }},
        cast(sum(requests) - sum(error_requests) as bigint) as answers,
        cast(sum(short_output_requests) as bigint) as short_output_requests,
        sum(excess_output_picousd) as excess_picousd
    from usage
    group by {{ scope() }}
    having
        excess_picousd > 0
        and short_output_requests * 10 >= answers * 9
),

final as (
    select
        {{ finding(
            'output_limit',
            'least(excess_picousd, spend_picousd)',
            "case when short_output_requests * 100 >= answers * 99 then 'medium' else 'low' end",
            "format('{:d} % of the answers have at most " ~ short ~ " tokens; a limit of " ~ 4 * short
            ~ " would cut the few long ones.', " ~ percent_of('short_output_requests', 'answers') ~ ')',
            '{answers: answers, short_output_requests: short_output_requests, limit_tokens: ' ~ 4 * short ~ '}',
        ) }}
    from summed
)

select * from final
