with

usage as (select * from {{ ref('int_focus_usage') }}),

rates as (select * from {{ source('published', 'stg_rate_book') }}),

common_rates as (
    select *
    from rates
    where workspace_id is null
),

used_rates as (
    select distinct
        rate_id,
        utc_day
    from usage
    where rate_id is not null
),

-- The list price of a negotiated rate is the common one in force at the end of the day.
list_rates as (
    select
        used_rates.rate_id,
        used_rates.utc_day,
        arg_max(common_rates.uncached_input_picousd_per_token, common_rates.valid_from)
            as uncached_input_picousd_per_token,
        arg_max(common_rates.cache_read_picousd_per_token, common_rates.valid_from) as cache_read_picousd_per_token,
        arg_max(common_rates.cache_write_5m_picousd_per_token, common_rates.valid_from)
            as cache_write_5m_picousd_per_token,
        arg_max(common_rates.cache_write_1h_picousd_per_token, common_rates.valid_from)
            as cache_write_1h_picousd_per_token,
        arg_max(common_rates.output_picousd_per_token, common_rates.valid_from) as output_picousd_per_token
    from used_rates
    inner join rates
        on
            used_rates.rate_id = rates.rate_id
            and rates.workspace_id is not null
    inner join common_rates
        on
            rates.provider = common_rates.provider
            and rates.model_ref = common_rates.model_ref
            and rates.service_tier = common_rates.service_tier
            and rates.context_over_tokens = common_rates.context_over_tokens
            and common_rates.valid_from < used_rates.utc_day + interval 1 day
            and common_rates.valid_to >= used_rates.utc_day + interval 1 day
    group by used_rates.rate_id, used_rates.utc_day
),

unpivoted as (
    select
        usage.*,
        rates.context_over_tokens,
        unnest([
            {% for kind in focus_token_kinds() %}
                struct_pack(
                    number := {{ loop.index }},
                    name := '{{ kind }}',
                    tokens := usage.{{ kind }}_tokens,
                    price := cast(rates.{{ kind }}_picousd_per_token as hugeint),
                    list_price := cast(coalesce(
                        list_rates.{{ kind }}_picousd_per_token, rates.{{ kind }}_picousd_per_token
                    ) as hugeint)
                ){{ ',' if not loop.last }}
            {% endfor %}
        ]) as kind,
        {% for kind in focus_token_kinds() %}
            {{ '+ ' if not loop.first }}usage.{{ kind }}_tokens
        {% endfor %}
            as all_tokens
    from usage
    left join rates on usage.rate_id = rates.rate_id
    left join list_rates
        on
            usage.rate_id = list_rates.rate_id
            and usage.utc_day = list_rates.utc_day
),

flattened as (
    select
        unpivoted.* exclude (unpivoted.kind),
        unpivoted.kind.number as kind_number,
        unpivoted.kind.name as token_kind,
        unpivoted.kind.tokens,
        unpivoted.kind.price,
        unpivoted.kind.list_price
    from unpivoted
),

-- Calls that used nothing are told once, so that what was logged of them is not lost.
weighed as (
    select
        *,
        case
            when priced_picousd > 0 then tokens * coalesce(price, 0)
            when all_tokens > 0 then tokens
            else 1
        end as weight
    from flattened
    where tokens > 0 or (all_tokens = 0 and kind_number = 1)
),

cumulated as (
    select
        *,
        sum(weight) over (same_group order by kind_number) as weight_until,
        sum(weight) over same_group as weight_of_all,
        row_number() over (same_group order by kind_number) = 1 as is_first
    from weighed
    window same_group as (
        partition by
            workspace_id, utc_day, project, provider, model, service_tier, rate_id, is_unpriced, is_correction
    )
),

-- Laptops log a cost per call: it is split over the kinds as their prices are, and the shares sum to it exactly.
final as (
    select
        workspace_id,
        utc_day,
        project,
        provider,
        model,
        model_ref,
        service_tier,
        context_over_tokens,
        rate_id,
        is_unpriced,
        is_correction,
        token_kind,
        cast(tokens as hugeint) as tokens,
        price as picousd_per_token,
        list_price as list_picousd_per_token,
        cast(
            logged_picousd * cast(weight_until as hugeint) // cast(weight_of_all as hugeint)
            - logged_picousd * cast(weight_until - weight as hugeint) // cast(weight_of_all as hugeint)
            as hugeint
        ) as logged_picousd,
        cast(case when rate_id is not null then tokens * coalesce(price, 0) end as hugeint) as priced_picousd,
        cast(case when is_first then requests else 0 end as bigint) as requests
    from cumulated
)

select * from final
