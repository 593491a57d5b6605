with

usage as (select * from {{ ref('int_usage') }}),

summed as (
    select
        {{ scope() }},
        {{ usage_sums() }},
        cast(sum(overthought_requests) as bigint) as overthought_requests,
        cast(sum(thinking_tokens) as bigint) as thinking_tokens,
        cast(sum(billable_output_tokens) as bigint) as output_tokens,
        sum(excess_thinking_picousd) as excess_picousd
    from usage
    group by {{ scope() }}
    having excess_picousd > 0
),

final as (
    select
        {{ finding(
            'thinking_overuse',
            'least(excess_picousd, spend_picousd)',
            "case when overthought_requests * 2 >= requests then 'medium' else 'low' end",
            "format('{:d} % of the requests think more than " ~ var('analysis_thinking_times')
            ~ " times what they answer; thinking is {:d} % of the output.', "
            ~ percent_of('overthought_requests', 'requests') ~ ', ' ~ percent_of('thinking_tokens', 'output_tokens')
            ~ ')',
            '{overthought_requests: overthought_requests, thinking_tokens: thinking_tokens,'
            ~ ' output_tokens: output_tokens}',
        ) }}
    from summed
)

select * from final
