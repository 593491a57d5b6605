with

usage as (select * from {{ ref('int_usage') }}),

alternatives as (select * from {{ ref('model_alternatives') }}),

rates as (select * from {{ ref('int_rates_in_force') }}),

repriced as (
    select
        usage.*,
        alternatives.relation,
        alternatives.other_ref,
        {{ repriced('usage', 'own') }} as own_picousd,
        {{ repriced('usage', 'other') }} as other_picousd
    from usage
    inner join alternatives
        on
            usage.provider = alternatives.provider
            and usage.model_ref = alternatives.model_ref
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
            and alternatives.other_ref = other.model_ref
            and usage.service_tier = other.service_tier
            and usage.context_over_tokens = other.context_over_tokens
    where usage.service_tier = 'standard' and usage.request_kind <> 'embedding'
),

summed as (
    select
        {{ scope() }},
        relation,
        other_ref,
        {{ usage_sums() }},
        cast(sum(error_requests) as bigint) as error_requests,
        cast(sum(large_input_requests) as bigint) as large_input_requests,
        cast(sum(large_output_requests) as bigint) as large_output_requests,
        cast(coalesce(sum(requests) filter (where request_kind = 'tool'), 0) as bigint) as tool_requests,
        sum(thinking_tokens) as thinking_tokens,
        sum(billable_output_tokens) as billable_output_tokens,
        sum(own_picousd) as own_picousd,
        sum(other_picousd) as other_picousd
    from repriced
    group by {{ scope() }}, relation, other_ref
    having bool_and(own_picousd is not null and other_picousd is not null)
),

-- At today's prices on both sides, and never more than was spent.
saved as (
    select
        *,
        least(spend_picousd, own_picousd) - other_picousd as saving_picousd
    from summed
),

final as (
    select *
    from saved
    where saving_picousd > 0
    qualify row_number() over (
        partition by {{ scope() }}, relation
        order by saving_picousd desc, other_ref asc
    ) = 1
)

select * from final
