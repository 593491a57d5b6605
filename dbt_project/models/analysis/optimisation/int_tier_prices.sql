with

usage as (select * from {{ ref('int_usage') }}),

rates as (select * from {{ ref('int_rates_in_force') }}),

repriced as (
    select
        usage.*,
        other.service_tier as other_tier,
        {{ repriced('usage', 'own') }} as own_picousd,
        {{ repriced('usage', 'other') }} as other_picousd
    from usage
    inner join rates as own
        on
            usage.workspace_id = own.workspace_id
            and usage.provider = own.provider
            and usage.model_ref = own.model_ref
            and usage.service_tier = own.service_tier
            and usage.context_over_tokens = own.context_over_tokens
    inner join rates as other
        on
            usage.workspace_id = other.workspace_id
            and usage.provider = other.provider
            and usage.model_ref = other.model_ref
            and usage.service_tier <> other.service_tier
            and usage.context_over_tokens = other.context_over_tokens
),

-- Of all requests of the model in the tier, those outside working hours, and how many there are in all.
summed as (
    select
        {{ scope() }},
        service_tier,
        other_tier,
        cast(sum(requests) as bigint) as all_requests,
        cast(coalesce(sum(requests) filter (where is_quiet), 0) as bigint) as requests,
        coalesce(max(days_seen) filter (where is_quiet), 0) as days_seen,
        cast(coalesce(sum(error_requests) filter (where is_quiet), 0) as bigint) as error_requests,
        sum(spend_picousd) filter (where is_quiet) as spend_picousd,
        sum(own_picousd) filter (where is_quiet) as own_picousd,
        sum(other_picousd) filter (where is_quiet) as other_picousd,
        {{ dearest_samples('flatten(list(samples) filter (where is_quiet))') }} as sample_request_ids
    from repriced
    group by {{ scope() }}, service_tier, other_tier
    having bool_and(not is_quiet or (own_picousd is not null and other_picousd is not null))
),

final as (
    select
        *,
        least(spend_picousd, own_picousd) - other_picousd as saving_picousd
    from summed
    where requests > 0 and least(spend_picousd, own_picousd) > other_picousd
)

select * from final
