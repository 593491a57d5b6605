{#- How many requests of the log stand behind a part of a variance; null where it is none of the log's. -#}
{% macro part_requests(part) -%}
    {%- if part == 'unpriced' -%} own_unpriced_requests
    {%- elif part in ['price_difference', 'tier_or_context', 'rounding'] -%} own_{{ part }}_requests
    {%- elif part == 'timing' -%}
        case
            when timing_picousd > 0 then edge_inside_requests
            when timing_picousd < 0 then edge_outside_requests
            else 0
        end
    {%- elif part == 'missing_calls' -%} case when gap > 0 then gap when gap <= 0 then 0 end
    {%- else -%} cast(null as bigint)
    {%- endif -%}
{%- endmacro %}

{#- Why a part is what it is: what it rests on, or why there is none of it. -#}
{% macro part_reason(part) -%}
    {%- if part == 'unpriced' -%}
        case
            when own_unpriced_requests = 0 then 'every_cost_is_known'
            when own_unknown_requests > 0 then 'some_have_no_rate_either'
            else 'valued_by_the_rate_book'
        end
    {%- elif part == 'price_difference' -%}
        case when own_price_difference_requests = 0 then 'logged_as_the_rate_book' else 'logged_at_another_price' end
    {%- elif part == 'discount' -%}
        case
            when discount_part <> 0 then 'stated_on_the_bill'
            when list_lines = 0 then 'bill_tells_no_list_price'
            else 'none_on_the_bill'
        end
    {%- elif part == 'credits' -%}
        case when credit_lines = 0 then 'none_on_the_bill' else 'stated_on_the_bill' end
    {%- elif part == 'adjustments' -%}
        case when adjustment_lines = 0 then 'none_on_the_bill' else 'stated_on_the_bill' end
    {%- elif part == 'tier_or_context' -%}
        case
            when tier_picousd <> 0 then 'billed_in_a_tier_not_in_the_log'
            when own_tier_or_context_requests > 0 then 'logged_without_tier_or_context'
            when has_unpriced_tiers then 'tier_without_a_price'
            when tells_tiers then 'tiers_agree'
            else 'bill_tells_no_tiers'
        end
    {%- elif part == 'timing' -%}
        case
            when timing_picousd <> 0 and gap is null then 'may_be_calls_near_midnight'
            when timing_picousd <> 0 then 'calls_near_midnight'
            when gap = 0 then 'request_counts_agree'
            when edge_inside_requests + edge_outside_requests = 0 then 'no_calls_near_midnight'
            else 'nothing_left_for_midnight'
        end
    {%- elif part == 'missing_calls' -%}
        case
            when gap is null and not tells_tokens then 'bill_tells_no_requests'
            when gap <= 0 then 'every_billed_request_was_seen'
            when missing_calls_part = 0 then 'nothing_is_missing'
            when tells_tokens then 'valued_by_their_tokens'
            else 'valued_at_the_bills_average'
        end
    {%- elif part == 'rounding' -%}
        case
            when rounding_part <> own_rounding_picousd then 'whole_cents_on_the_bill'
            when own_rounding_requests = 0 then 'nothing_was_rounded'
            else 'logged_in_whole_millicents'
        end
    {%- else -%}
        case
            when unexplained_part = 0 then 'everything_is_explained'
            when not is_complete then 'bill_is_not_complete'
            else 'no_cause_is_known'
        end
    {%- endif -%}
{%- endmacro %}
