with

spans as (select * from {{ ref('int_billed_days') }}),

logged as (select * from {{ ref('int_logged_days') }}),

billed_usage as (select * from {{ ref('int_billed_usage') }}),

cells as (select * from {{ ref('int_usage_cells') }}),

tier_effects as (select * from {{ ref('int_tier_effects') }}),

{% set logged_sums = [
    'requests', 'served_requests', 'unpriced_requests', 'unknown_requests', 'logged_picousd', 'expected_picousd',
    'unpriced_picousd', 'price_difference_requests', 'price_difference_picousd', 'tier_or_context_requests',
    'tier_or_context_picousd', 'rounding_requests', 'rounding_picousd',
] %}
-- The log of a billed span; and, at either end of it, calls that the provider may count on the other side of midnight.
logged_spans as (
    select
        spans.*,
        {{ sums_within_spans(logged_sums) }}
        {{ sums_at_edges('requests') }},
        {{ sums_at_edges('picousd') }}
    from spans
    left join logged
        on
            spans.workspace_id = logged.workspace_id
            and spans.provider = logged.provider
            and logged.utc_day between spans.first_day - 1 and spans.last_day + 1
    group by all
),

tier_sums as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        coalesce(sum(effect_picousd), 0) as effect_picousd,
        count(*) filter (where effect_picousd is null) > 0 as has_unpriced_tiers
    from tier_effects
    group by all
),

-- Tokens the provider billed and nobody logged, in whatever tier, at the bill's own price.
model_cells as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        model_key,
        unit,
        sum(billed) as billed,
        sum(seen) as seen,
        sum(list_picousd) as list_picousd
    from cells
    group by workspace_id, provider, first_day, last_day, model_key, unit
),

-- Those billed without a model are held against all that the named ones leave.
missing_cells as (
    select
        *,
        greatest(
            billed - seen
            - case when model_key = '(none)' then sum(greatest(seen - billed, 0)) over same_unit else 0 end,
            0
        ) as missing
    from model_cells
    window same_unit as (partition by workspace_id, provider, first_day, last_day, unit)
),

missing_sums as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        sum(billed) as billed_tokens,
        coalesce(sum((list_picousd * missing) // nullif(billed, 0)), 0) as missing_picousd
    from missing_cells
    group by all
),

told_tiers as (
    select distinct
        workspace_id,
        provider,
        first_day,
        last_day
    from billed_usage
    where tier <> 'standard'
),

evidence as (
    select
        logged_spans.*,
        logged_spans.requests - logged_spans.own_served_requests as gap,
        coalesce(tier_sums.effect_picousd, 0) as tier_picousd,
        coalesce(tier_sums.has_unpriced_tiers, false) as has_unpriced_tiers,
        told_tiers.first_day is not null as tells_tiers,
        coalesce(missing_sums.billed_tokens, 0) > 0 as tells_tokens,
        coalesce(missing_sums.missing_picousd, 0) as missing_tokens_picousd
    from logged_spans
    left join tier_sums
        on
            logged_spans.workspace_id = tier_sums.workspace_id
            and logged_spans.provider = tier_sums.provider
            and logged_spans.first_day = tier_sums.first_day
            and logged_spans.last_day = tier_sums.last_day
    left join missing_sums
        on
            logged_spans.workspace_id = missing_sums.workspace_id
            and logged_spans.provider = missing_sums.provider
            and logged_spans.first_day = missing_sums.first_day
            and logged_spans.last_day = missing_sums.last_day
    left join told_tiers
        on
            logged_spans.workspace_id = told_tiers.workspace_id
            and logged_spans.provider = told_tiers.provider
            and logged_spans.first_day = told_tiers.first_day
            and logged_spans.last_day = told_tiers.last_day
),

-- What was not seen: by tokens where the bill tells them, else by requests at the bill's average.
missed as (
    select
        *,
        case
            when gap <= 0 then 0
            when tells_tokens then greatest(missing_tokens_picousd, 0)
            when gap > 0 then greatest((list_picousd * gap) // nullif(requests, 0), 0)
            else 0
        end as missed_picousd,
        own_expected_picousd - list_picousd - tier_picousd as surplus_picousd
    from evidence
),

-- Midnight takes no more than the calls near it are worth, and nothing where both count the same requests. Without a
-- count what whole cents may explain is not midnight's.
shifted as (
    select
        *,
        case
            when gap = 0 then 0
            when gap is null and abs(surplus_picousd + missed_picousd) * 2 <= cent_lines * {{ one_cent() }} then 0
            when gap > 0 and edge_outside_requests > 0
                then
                    -least(
                        missed_picousd,
                        (edge_outside_picousd * least(gap, edge_outside_requests)) // nullif(edge_outside_requests, 0)
                    )
            when gap > 0 then 0
            when gap < 0 then least(greatest(surplus_picousd, 0), edge_inside_picousd)
            when surplus_picousd + missed_picousd > 0 then least(surplus_picousd + missed_picousd, edge_inside_picousd)
            else -least(-surplus_picousd - missed_picousd, edge_outside_picousd)
        end as timing_picousd
    from missed
),

split as (
    select
        *,
        own_logged_picousd - billed_picousd as variance_picousd,
        own_unpriced_picousd as unpriced_part,
        own_price_difference_picousd as price_difference_part,
        list_picousd - usage_picousd - discount_picousd as discount_part,
        -credit_picousd as credits_part,
        -adjustment_picousd as adjustments_part,
        own_tier_or_context_picousd + tier_picousd as tier_or_context_part,
        timing_picousd as timing_part,
        -- What midnight explains is not missing as well.
        -missed_picousd - case when gap > 0 then timing_picousd else 0 end as missing_calls_part
    from shifted
),

unrounded as (
    select
        *,
        variance_picousd - unpriced_part - price_difference_part - discount_part - credits_part - adjustments_part
        - tier_or_context_part - timing_part - missing_calls_part - own_rounding_picousd as rest_picousd
    from split
),

-- Whole cents on the bill are off by up to half of one each.
rounded as (
    select
        *,
        own_rounding_picousd
        + case when abs(rest_picousd) * 2 <= cent_lines * {{ one_cent() }} then rest_picousd else 0 end
            as rounding_part,
        case when abs(rest_picousd) * 2 <= cent_lines * {{ one_cent() }} then 0 else rest_picousd end
            as unexplained_part
    from unrounded
),

told as (
    {% for part in variance_parts() %}
        select
            workspace_id,
            provider,
            first_day,
            last_day,
            utc_month,
            counts_in_month,
            {{ loop.index }} as position,
            '{{ part }}' as part,
            {{ part }}_part as amount_picousd,
            {{ part_requests(part) }} as requests,
            {{ part_reason(part) }} as reason
        from rounded
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        utc_month,
        counts_in_month,
        cast(position as integer) as position,
        part,
        cast(amount_picousd as hugeint) as amount_picousd,
        cast(requests as bigint) as requests,
        reason
    from told
)

select * from final
