{#- The five kinds of tokens of a group of requests at the prices of a rate: exact, null when a needed price is unknown. -#}
{% macro repriced(usage, rate) -%}
    {%- for kind in token_kinds() %}
    {{ priced(usage ~ '.' ~ kind ~ '_tokens', rate ~ '.' ~ price_of(kind)) }}{{ ' +' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro token_kinds() -%}
    {{ return(['uncached_input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'billable_output']) }}
{%- endmacro %}

{#- The rate book's column for a kind of tokens. -#}
{% macro price_of(kind) -%} {{ kind | replace('billable_', '') }}_picousd_per_token {%- endmacro %}

{#- What every check looks at: one project's use of one model in one window. -#}
{% macro scope(of=none) -%}
    {%- for column in ['workspace_id', 'window_number', 'project', 'provider', 'model'] -%}
    {{ of ~ '.' if of }}{{ column }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- Sums over rows of int_usage, as every check that reads it needs them, and the dearest of their `samples`. -#}
{% macro usage_sums(samples='samples') %}
    cast(sum(requests) as bigint) as requests,
    sum(spend_picousd) as spend_picousd,
    {{ dearest_samples('flatten(list(' ~ samples ~ '))') }} as sample_request_ids
{%- endmacro %}

{#- Ids of the five dearest of some samples, ties by id. -#}
{% macro dearest_samples(samples) -%}
    {{ request_ids('list_slice(list_reverse_sort(' ~ samples ~ '), 1, 5)') }}
{%- endmacro %}

{#- Ids of a list of samples. -#}
{% macro request_ids(samples) -%}
    list_transform({{ samples }}, lambda sample: sample['request_id'])
{%- endmacro %}

{#- A count as a share in whole percent, rounded down; null of nothing. -#}
{% macro percent_of(part, whole) -%} cast({{ part }} * 100 // nullif({{ whole }}, 0) as bigint) {%- endmacro %}

{#- Columns of a finding, in the order all checks have them; `without` names those of project, provider and model that it
    is not about. -#}
{% macro finding(check_id, saving, confidence, reason, evidence, other='cast(null as varchar)', without=()) %}
    workspace_id,
    window_number,
    '{{ check_id }}' as check_id,
    {%- for column in ['project', 'provider', 'model'] %}
    {{ 'cast(null as varchar) as ' if column in without }}{{ column }},
    {%- endfor %}
    {{ other }} as other_model,
    requests,
    cast(spend_picousd as hugeint) as spend_picousd,
    cast({{ saving }} as hugeint) as saving_picousd,
    {{ confidence }} as confidence,
    {{ reason }} as confidence_reason,
    cast(to_json({{ evidence }}) as varchar) as evidence,
    sample_request_ids
{%- endmacro %}

{#- How many steps an amount that is not negative comes to, half-even as everywhere. -#}
{% macro half_even(amount, step) -%}
    cast(
        {{ amount }} // {{ step }}
        + case
            when {{ amount }} % {{ step }} * 2 + {{ amount }} // {{ step }} % 2 > {{ step }} then 1
            else 0
        end
        as bigint
    )
{%- endmacro %}

{#- Dollars as people read them: cents below ten dollars, whole dollars above. -#}
{% macro dollars(picousd) -%}
    case
        when {{ half_even(picousd, 10000000000) }} < 1000
            then
                format(
                    '${:d}.{:02d}',
                    {{ half_even(picousd, 10000000000) }} // 100,
                    {{ half_even(picousd, 10000000000) }} % 100
                )
        else format('${:,}', {{ half_even(picousd, 1000000000000) }})
    end
{%- endmacro %}

{#- Sums over clusters of one kind, as every check that reads them needs them. -#}
{% macro cluster_sums() %}
    count(*) as clusters,
    cast(sum(requests) as bigint) as requests,
    cast(sum(spend_picousd) as hugeint) as spend_picousd,
    cast(sum(repeat_cost_picousd) as hugeint) as repeat_cost_picousd,
    cast(sum(estimated_saving_picousd) as hugeint) as cluster_saving_picousd,
    list_slice(
        flatten(list(sample_request_ids order by estimated_saving_picousd desc, cluster_id)), 1, 5
    ) as sample_request_ids
{%- endmacro %}
