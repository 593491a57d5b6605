{{ config(pre_hook=["{{ point_at_exports() }}", "{{ point_at_landed_files() }}"]) }}

with

requests as (select * from {{ ref('int_requests_attributed') }}),

conventions as (select * from {{ ref('provider_token_conventions') }}),

rate_book as (select * from {{ ref('stg_rate_book') }}),

known_tiers as (select distinct service_tier from rate_book),

other_providers as (
    select *
    from conventions
    where provider = '*'
),

-- Keys that only some daemons send. Values of another JSON type than expected count as absent.
with_extras as (
    select
        *,
        case
            when extra_json is null or not json_valid(extra_json) then null
            when json_type(extra_json, '$.service_tier') = 'VARCHAR' then lower(extra_json ->> '$.service_tier')
        end as reported_tier,
        case
            when extra_json is null or not json_valid(extra_json) then 0
            when json_type(extra_json, '$.cache_write_1h_tokens') = 'UBIGINT'
                then cast(extra_json ->> '$.cache_write_1h_tokens' as hugeint)
            else 0
        end as reported_1h_tokens
    from requests
),

with_convention as (
    select
        with_extras.*,
        coalesce(known_tiers.service_tier, 'standard') as service_tier,
        coalesce(conventions.thinking_in_output, other_providers.thinking_in_output) as thinking_in_output,
        case
            when coalesce(conventions.cache_read_in_input, other_providers.cache_read_in_input)
                then with_extras.cached_tokens
            else 0
        end
        + case
            when coalesce(conventions.cache_write_in_input, other_providers.cache_write_in_input)
                then with_extras.cache_write_tokens
            else 0
        end as cached_in_input_tokens,
        cast(least(with_extras.reported_1h_tokens, with_extras.cache_write_tokens) as bigint) as cache_write_1h_tokens
    from with_extras
    cross join other_providers
    left join conventions on with_extras.provider = conventions.provider
    left join known_tiers on with_extras.reported_tier = known_tiers.service_tier
),

disjoint as (
    select
        *,
        greatest(input_tokens - cached_in_input_tokens, 0) as uncached_input_tokens,
        cached_tokens as cache_read_tokens,
        cache_write_tokens - cache_write_1h_tokens as cache_write_5m_tokens,
        output_tokens + case when thinking_in_output then 0 else thinking_tokens end as billable_output_tokens,
        cached_in_input_tokens > input_tokens
        or reported_1h_tokens > cache_write_tokens
        or (thinking_in_output and thinking_tokens > output_tokens) as token_kinds_inconsistent
    from with_convention
),

final as (
    select
        * exclude (
            reported_tier, reported_1h_tokens, cached_in_input_tokens, thinking_in_output
        )
    from disjoint
)

select * from final
