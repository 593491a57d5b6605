{#- Bills against the log: what a variance is called, in exact integers. 1 USD = 10^12 picodollars. -#}

{#- green below 0.5 % of the bill, amber to 2 %, red above; under five cents always green. Null without a variance. -#}
{% macro variance_colour(variance, billed) -%}
    case
        when {{ variance }} is null then null
        when abs({{ variance }}) < {{ five_cents() }} then 'green'
        when abs({{ variance }}) * 1000 < 5 * {{ billed }} then 'green'
        when abs({{ variance }}) * 1000 <= 20 * {{ billed }} then 'amber'
        else 'red'
    end
{%- endmacro %}

{#-
    A bill some hundred times what was logged, or a hundredth, is cents taken for dollars or the reverse. Below five cents
    on either side a ratio tells nothing.
-#}
{% macro unit_suspect(billed, logged) -%}
    case
        when {{ billed }} is null or least({{ billed }}, {{ logged }}) < {{ five_cents() }} then null
        when {{ billed }} between 95 * {{ logged }} and 105 * {{ logged }} then 'x100'
        when {{ logged }} between 95 * {{ billed }} and 105 * {{ billed }} then 'x0.01'
    end
{%- endmacro %}

{#- What cause of a difference one request has; null when either of its costs is unknown while the other is not. -#}
{% macro difference_cause(logged, priced, is_special) -%}
    case
        when {{ logged }} is null then 'unpriced'
        when {{ priced }} is null then null
        when abs({{ logged }} - {{ priced }}) < {{ one_millicent() }} then 'rounding'
        when {{ is_special }} then 'tier_or_context'
        else 'price_difference'
    end
{%- endmacro %}

{#- A model's name without the date of its release, for names that nobody translated. -#}
{% macro undated_model(name) -%}
    regexp_replace(lower({{ name }}), '[-@]20[0-9]{2}-?[0-9]{2}-?[0-9]{2}$', '')
{%- endmacro %}

{#- Units that bills and log are compared in: requests, and the five disjoint kinds of tokens. -#}
{% macro token_units() -%}
    {{ return(['uncached_input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'output']) }}
{%- endmacro %}

{#- The column of a request that counts tokens of a kind. -#}
{% macro tokens_of(unit) -%} {{ 'billable_output' if unit == 'output' else unit }}_tokens {%- endmacro %}

{#- The parts a variance is split into, in the order they are told. -#}
{% macro variance_parts() -%}
    {{ return([
        'unpriced',
        'price_difference',
        'discount',
        'credits',
        'adjustments',
        'tier_or_context',
        'timing',
        'missing_calls',
        'rounding',
        'unexplained',
    ]) }}
{%- endmacro %}

{% macro five_cents() -%} 50000000000 {%- endmacro %}
{% macro one_cent() -%} 10000000000 {%- endmacro %}
{% macro one_millicent() -%} 10000000 {%- endmacro %}

{#- Columns of a period's comparison, and their sums over providers. A sum of nothing billed is null: nothing to compare. -#}
{% macro reconciled_columns() %}
    cast(requests as bigint) as requests,
    cast(unpriced_requests as bigint) as unpriced_requests,
    cast(unrated_requests as bigint) as unrated_requests,
    cast(withheld_requests as bigint) as withheld_requests,
    cast(logged_picousd as hugeint) as logged_picousd,
    cast(priced_picousd as hugeint) as priced_picousd,
    cast(awaiting_picousd as hugeint) as awaiting_picousd,
    cast(billed_picousd as hugeint) as billed_picousd,
    cast(variance_picousd as hugeint) as variance_picousd,
    cast(tax_picousd as hugeint) as tax_picousd,
    cast(prepaid_picousd as hugeint) as prepaid_picousd,
    source,
    is_complete,
    unit_suspect
{%- endmacro %}

{% macro reconciled_sums() %}
    {%- for measure in [
        'requests', 'unpriced_requests', 'unrated_requests', 'withheld_requests', 'logged_picousd', 'priced_picousd',
        'awaiting_picousd', 'billed_picousd', 'variance_picousd', 'tax_picousd', 'prepaid_picousd'
    ] %}
    sum({{ measure }}) as {{ measure }},
    {%- endfor %}
    case when count(distinct source) > 1 then 'several' else any_value(source) end as source,
    bool_and(is_complete) as is_complete,
    max(unit_suspect) as unit_suspect
{%- endmacro %}

{#- Sums of the log over a billed span, from days joined one day beyond it on either side. -#}
{% macro sums_within_spans(measures) %}
    {%- for measure in measures %}
    coalesce(sum(logged.{{ measure }}) filter (
        where logged.utc_day between spans.first_day and spans.last_day
    ), 0) as own_{{ measure }},
    {%- endfor %}
{%- endmacro %}

{#- The same of calls near the ends of the span: its own, and those of the days beside it. -#}
{% macro sums_at_edges(measure) %}
    coalesce(sum(logged.near_start_{{ measure }}) filter (where logged.utc_day = spans.first_day), 0)
    + coalesce(sum(logged.near_end_{{ measure }}) filter (where logged.utc_day = spans.last_day), 0)
        as edge_inside_{{ measure }},
    coalesce(sum(logged.near_end_{{ measure }}) filter (where logged.utc_day = spans.first_day - 1), 0)
    + coalesce(sum(logged.near_start_{{ measure }}) filter (where logged.utc_day = spans.last_day + 1), 0)
        as edge_outside_{{ measure }}
{%- endmacro %}

{#- Prices of a rate, named by the unit they are of. -#}
{% macro prices_by_unit() %}
    {%- for unit in token_units() %}
    {{ unit }}_picousd_per_token as {{ unit }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Tokens of a group of requests, named by unit. -#}
{% macro tokens_by_unit() %}
    {%- for unit in token_units() %}
    cast(sum({{ tokens_of(unit) }}) as hugeint) as {{ unit }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- How many of a group of requests differ by a cause, and by how much. -#}
{% macro differences_by_cause() %}
    cast(coalesce(sum(difference_picousd) filter (where cause = 'unpriced'), 0) as hugeint) as unpriced_picousd,
    {%- for cause in ['price_difference', 'tier_or_context', 'rounding'] %}
    count(*) filter (where cause = '{{ cause }}') as {{ cause }}_requests,
    cast(coalesce(sum(difference_picousd) filter (where cause = '{{ cause }}'), 0) as hugeint)
        as {{ cause }}_picousd,
    {%- endfor %}
    {%- for edge in ['start', 'end'] %}
    count(*) filter (where is_near_{{ edge }}) as near_{{ edge }}_requests,
    cast(coalesce(sum(expected_picousd) filter (where is_near_{{ edge }}), 0) as hugeint)
        as near_{{ edge }}_picousd{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Whether no day of the next span is held by one before it. -#}
{% macro span_is_free() -%}
    not list_has_any(holding.held_days, generate_series(ranked.first_day, ranked.last_day, interval '1 day'))
{%- endmacro %}
