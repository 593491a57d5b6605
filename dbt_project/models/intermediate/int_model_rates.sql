{{ config(materialized='table') }}

with

aliases as (select * from {{ ref('stg_model_aliases') }}),

rate_book as (select * from {{ ref('stg_rate_book') }}),

priced_models as (
    select distinct
        provider,
        model_ref
    from aliases
    where model_ref is not null
),

landed_rates as (
    select
        rate_book.*,
        case
            when rate_book.context_over_tokens = 0 then 0
            else rate_book.context_over_tokens + 1
        end as context_from_tokens
    from rate_book
    inner join priced_models
        on
            rate_book.provider = priced_models.provider
            and rate_book.model_ref = priced_models.model_ref
),

-- Everyone's prices, and one whole set more for each workspace that negotiated any price of the model.
scopes as (
    select distinct
        workspace_id,
        provider,
        model_ref
    from landed_rates
    union
    select
        null as workspace_id,
        provider,
        model_ref
    from landed_rates
),

tiers as (
    select service_tier
    from rate_book
    union
    select 'standard' as service_tier
),

-- Every rate that could apply to a call of the tier; the standard one stands in for a tier nobody priced.
candidates as (
    select
        scopes.workspace_id as scope_id,
        tiers.service_tier as asked_tier,
        landed_rates.*
    from scopes
    cross join tiers
    inner join landed_rates
        on
            scopes.provider = landed_rates.provider
            and scopes.model_ref = landed_rates.model_ref
            and (landed_rates.workspace_id is null or scopes.workspace_id = landed_rates.workspace_id)
            and landed_rates.service_tier in (tiers.service_tier, 'standard')
),

instants as (
    select
        scope_id,
        provider,
        model_ref,
        asked_tier,
        valid_from as instant
    from candidates
    union
    select
        scope_id,
        provider,
        model_ref,
        asked_tier,
        valid_to as instant
    from candidates
),

periods as (
    select
        scope_id,
        provider,
        model_ref,
        asked_tier,
        instant as valid_from,
        lead(instant) over (
            partition by scope_id, provider, model_ref, asked_tier
            order by instant
        ) as valid_to
    from instants
),

starts as (
    select distinct
        scope_id,
        provider,
        model_ref,
        asked_tier,
        context_from_tokens
    from candidates
),

bands as (
    select
        *,
        coalesce(
            lead(context_from_tokens) over (
                partition by scope_id, provider, model_ref, asked_tier
                order by context_from_tokens
            ),
            {{ no_upper_limit() }}
        ) as context_until_tokens
    from starts
),

-- Cells of time x context in which the choice cannot change; the best candidate of each is the rate.
chosen as (
    select
        candidates.scope_id,
        candidates.asked_tier,
        candidates.rate_id,
        candidates.provider,
        candidates.model_ref,
        periods.valid_from,
        periods.valid_to,
        bands.context_from_tokens,
        bands.context_until_tokens,
        candidates.uncached_input_picousd_per_token,
        candidates.cache_read_picousd_per_token,
        candidates.cache_write_5m_picousd_per_token,
        candidates.cache_write_1h_picousd_per_token,
        candidates.output_picousd_per_token
    from candidates
    inner join periods
        on
            candidates.scope_id is not distinct from periods.scope_id
            and candidates.provider = periods.provider
            and candidates.model_ref = periods.model_ref
            and candidates.asked_tier = periods.asked_tier
            and candidates.valid_from <= periods.valid_from
            and candidates.valid_to >= periods.valid_to
    inner join bands
        on
            candidates.scope_id is not distinct from bands.scope_id
            and candidates.provider = bands.provider
            and candidates.model_ref = bands.model_ref
            and candidates.asked_tier = bands.asked_tier
            and candidates.context_from_tokens <= bands.context_from_tokens
    qualify
        row_number() over (
            partition by
                candidates.scope_id, candidates.provider, candidates.model_ref, candidates.asked_tier,
                periods.valid_from, bands.context_from_tokens
            order by
                candidates.service_tier = candidates.asked_tier desc,
                candidates.workspace_id is not null desc,
                candidates.context_from_tokens desc,
                candidates.known_from desc,
                candidates.valid_from desc,
                candidates.rate_id desc
        ) = 1
),

final as (
    select
        chosen.scope_id as workspace_id,
        aliases.provider,
        aliases.model,
        chosen.asked_tier as service_tier,
        chosen.valid_from,
        chosen.valid_to,
        chosen.context_from_tokens,
        chosen.context_until_tokens,
        chosen.model_ref,
        chosen.rate_id,
        chosen.uncached_input_picousd_per_token,
        chosen.cache_read_picousd_per_token,
        chosen.cache_write_5m_picousd_per_token,
        chosen.cache_write_1h_picousd_per_token,
        chosen.output_picousd_per_token
    from chosen
    inner join aliases
        on
            chosen.provider = aliases.provider
            and chosen.model_ref = aliases.model_ref
)

select * from final
