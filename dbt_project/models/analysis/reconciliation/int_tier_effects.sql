with

spans as (select * from {{ ref('int_billed_days') }}),

cells as (select * from {{ ref('int_usage_cells') }}),

rates as (
    select *
    from {{ source('published', 'stg_rate_book') }}
    where context_over_tokens = 0
),

-- OpenAI's usage tells tiers and its costs do not: there the rate book says what a tier's tokens cost.
unpriced_tiers as (
    select
        workspace_id,
        provider,
        first_day,
        last_day
    from spans
    where source = 'openai_costs'
),

-- What the bill has in a tier beyond the log, and the log as standard beyond the bill, is one and the same usage.
tier_needs as (
    select
        cells.*,
        cells.list_picousd = 0 as is_by_rate_book,
        case
            when
                cells.tier <> 'standard' and (cells.list_picousd <> 0 or unpriced_tiers.first_day is not null)
                then greatest(cells.billed - cells.seen, 0)
            else 0
        end as wanted,
        greatest(
            coalesce(sum(cells.seen - cells.billed) filter (where cells.tier = 'standard') over same_usage, 0), 0
        ) as untold
    from cells
    left join unpriced_tiers
        on
            cells.workspace_id = unpriced_tiers.workspace_id
            and cells.provider = unpriced_tiers.provider
            and cells.first_day = unpriced_tiers.first_day
            and cells.last_day = unpriced_tiers.last_day
    window
        same_usage as (
            partition by
                cells.workspace_id, cells.provider, cells.first_day, cells.last_day, cells.model_key, cells.unit
        )
),

tier_moves as (
    select
        *,
        least(
            wanted,
            greatest(untold - coalesce(sum(wanted) over tiers_before, 0), 0)
        ) as moved
    from tier_needs
    window
        tiers_before as (
            partition by workspace_id, provider, first_day, last_day, model_key, unit
            order by tier
            rows between unbounded preceding and 1 preceding
        )
),

prices as (
    unpivot (
        select
            workspace_id,
            provider,
            model_ref,
            service_tier,
            valid_from,
            valid_to,
            known_from,
            rate_id,
            {{ prices_by_unit() }}
        from rates
    )
    on {{ token_units() | join(', ') }}
    into name unit value picousd_per_token
),

moved_tokens as (
    select
        tier_moves.*,
        unnest(['standard', tier_moves.tier]) as price_tier
    from tier_moves
    where tier_moves.moved > 0
),

-- What they cost as standard, and in the tier they were billed in.
moved_prices as (
    select
        moved_tokens.*,
        prices.picousd_per_token
    from moved_tokens
    left join prices
        on
            moved_tokens.provider = prices.provider
            and moved_tokens.model_key = prices.model_ref
            and moved_tokens.price_tier = prices.service_tier
            and moved_tokens.unit = prices.unit
            and moved_tokens.first_day >= prices.valid_from
            and moved_tokens.first_day < prices.valid_to
            and (prices.workspace_id is null or moved_tokens.workspace_id = prices.workspace_id)
    qualify
        row_number() over (
            partition by
                moved_tokens.workspace_id, moved_tokens.provider, moved_tokens.first_day, moved_tokens.last_day,
                moved_tokens.model_key, moved_tokens.unit, moved_tokens.tier, moved_tokens.price_tier
            order by prices.workspace_id is not null desc, prices.known_from desc, prices.rate_id desc
        ) = 1
),

final as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        model_key,
        unit,
        tier,
        cast(max(moved) as hugeint) as moved,
        max(picousd_per_token) filter (where price_tier = 'standard') * cast(max(moved) as hugeint)
        - case
            when bool_or(is_by_rate_book)
                then max(picousd_per_token) filter (where price_tier = tier) * cast(max(moved) as hugeint)
            else (max(list_picousd) * max(moved)) // max(billed)
        end as effect_picousd
    from moved_prices
    group by workspace_id, provider, first_day, last_day, model_key, unit, tier
)

select * from final
