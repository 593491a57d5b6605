{%- set input, output = var('analysis_swap_input_tokens'), var('analysis_swap_output_tokens') -%}
with

swaps as (select * from {{ ref('int_swaps') }}),

-- No more than one request in twenty may be larger, one in ten a tool call, or half of the output thinking.
light as (
    select
        *,
        large_input_requests * 100 <= requests
        and large_output_requests * 100 <= requests
        and thinking_tokens * 20 <= billable_output_tokens
        and error_requests * 50 <= requests
        and tool_requests = 0 as is_plain,
        thinking_tokens * 4 <= billable_output_tokens and error_requests * 20 <= requests as is_mostly_plain
    from swaps
    where
        relation = 'cheaper_sibling'
        and large_input_requests * 20 <= requests
        and large_output_requests * 20 <= requests
        and tool_requests * 10 <= requests
        and thinking_tokens * 2 <= billable_output_tokens
),

final as (
    select
        {{ finding(
            'model_swap',
            'saving_picousd',
            "case when is_plain then 'high' when is_mostly_plain then 'medium' else 'low' end",
            "format('{:d} % of the prompts are within {:,} tokens and {:d} % of the answers within {:,}; thinking is"
            ~ " {:d} % of the output, {:d} % are tool calls and {:d} % failed.', "
            ~ percent_of('(requests - large_input_requests)', 'requests') ~ ', ' ~ input ~ ', '
            ~ percent_of('(requests - large_output_requests)', 'requests') ~ ', ' ~ output ~ ', coalesce('
            ~ percent_of('thinking_tokens', 'billable_output_tokens') ~ ', 0), '
            ~ percent_of('tool_requests', 'requests') ~ ', ' ~ percent_of('error_requests', 'requests') ~ ')',
            '{large_input_requests: large_input_requests, large_output_requests: large_output_requests,'
            ~ ' tool_requests: tool_requests, error_requests: error_requests,'
            ~ ' thinking_tokens: cast(thinking_tokens as bigint),'
            ~ ' output_tokens: cast(billable_output_tokens as bigint),'
            ~ ' other_picousd: cast(other_picousd as varchar)}',
            other='other_ref',
        ) }}
    from light
)

select * from final
