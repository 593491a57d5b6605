with

billed_usage as (
    select *
    from {{ ref('int_billed_usage') }}
    where first_day = last_day
),

seen_usage as (select * from {{ ref('int_seen_usage') }}),

-- Every unit once by itself, and every kind of tokens once more in their total.
billed as (
    select
        workspace_id,
        first_day as utc_day,
        provider,
        key_ref,
        model_key,
        unit,
        sum(quantity) as quantity
    from billed_usage
    where quantity > 0 and unit <> 'other'
    group by all
    union all
    select
        workspace_id,
        first_day as utc_day,
        provider,
        key_ref,
        model_key,
        'tokens' as unit,
        sum(quantity) as quantity
    from billed_usage
    where quantity > 0 and unit <> 'requests'
    group by all
),

seen as (
    select
        workspace_id,
        utc_day,
        provider,
        model_key,
        unit,
        sum(quantity) as quantity
    from seen_usage
    group by all
    union all
    select
        workspace_id,
        utc_day,
        provider,
        model_key,
        'tokens' as unit,
        sum(quantity) as quantity
    from seen_usage
    where unit <> 'requests'
    group by all
),

-- What a bill tells of a day: requests, tokens, or both. Of the rest there is nothing to cover.
told as (
    select distinct
        workspace_id,
        utc_day,
        provider,
        unit = 'requests' as is_requests
    from billed
),

-- What was seen of one model covers nothing of another.
by_model as (
    select
        workspace_id,
        utc_day,
        provider,
        model_key,
        unit,
        sum(quantity) as billed
    from billed
    group by all
),

seen_told as (
    select seen.*
    from seen
    inner join told
        on
            seen.workspace_id = told.workspace_id
            and seen.utc_day = told.utc_day
            and seen.provider = told.provider
            and (seen.unit = 'requests') = told.is_requests
),

compared as (
    select
        coalesce(by_model.workspace_id, seen_told.workspace_id) as workspace_id,
        coalesce(by_model.utc_day, seen_told.utc_day) as utc_day,
        coalesce(by_model.provider, seen_told.provider) as provider,
        coalesce(by_model.unit, seen_told.unit) as unit,
        coalesce(by_model.billed, 0) as billed,
        coalesce(seen_told.quantity, 0) as seen,
        coalesce(by_model.model_key = '(none)', false) as is_unnamed
    from by_model
    full outer join seen_told
        on
            by_model.workspace_id = seen_told.workspace_id
            and by_model.utc_day = seen_told.utc_day
            and by_model.provider = seen_told.provider
            and by_model.model_key = seen_told.model_key
            and by_model.unit = seen_told.unit
),

summed as (
    select
        workspace_id,
        utc_day,
        provider,
        unit,
        sum(billed) as billed,
        sum(seen) as seen,
        coalesce(sum(billed) filter (where is_unnamed), 0) as unnamed_billed,
        coalesce(sum(least(billed, seen)) filter (where not is_unnamed), 0) as named_covered
    from compared
    group by all
),

-- A bill that names no model is held against all that the named ones leave.
of_all_keys as (
    select
        workspace_id,
        utc_day,
        provider,
        '(all)' as key_ref,
        unit,
        billed,
        seen,
        named_covered + least(unnamed_billed, seen - named_covered) as covered,
        'whole_log' as seen_basis
    from summed
),

-- Laptops do not log keys: a model that one key alone was billed for tells what was seen of it.
model_keys as (
    select
        workspace_id,
        utc_day,
        provider,
        model_key,
        model_key <> '(none)' and count(distinct key_ref) = 1 as is_of_one_key
    from billed
    group by workspace_id, utc_day, provider, model_key
),

by_key as (
    select
        billed.workspace_id,
        billed.utc_day,
        billed.provider,
        billed.key_ref,
        billed.unit,
        sum(billed.quantity) as billed,
        case when bool_and(model_keys.is_of_one_key) then sum(coalesce(seen.quantity, 0)) end as seen,
        case
            when bool_and(model_keys.is_of_one_key) then sum(least(coalesce(seen.quantity, 0), billed.quantity))
        end as covered,
        case
            when bool_and(model_keys.is_of_one_key) then 'only_key_of_its_models' else 'models_not_of_one_key'
        end as seen_basis
    from billed
    inner join model_keys
        on
            billed.workspace_id = model_keys.workspace_id
            and billed.utc_day = model_keys.utc_day
            and billed.provider = model_keys.provider
            and billed.model_key = model_keys.model_key
    left join seen
        on
            billed.workspace_id = seen.workspace_id
            and billed.utc_day = seen.utc_day
            and billed.provider = seen.provider
            and billed.model_key = seen.model_key
            and billed.unit = seen.unit
    group by billed.workspace_id, billed.utc_day, billed.provider, billed.key_ref, billed.unit
),

combined as (
    select * from of_all_keys
    union all
    select * from by_key
),

final as (
    select
        workspace_id,
        utc_day,
        provider,
        key_ref,
        unit,
        cast(billed as bigint) as billed,
        cast(seen as bigint) as seen,
        cast(covered as bigint) as covered,
        seen_basis,
        coalesce(seen > covered, false) as is_over
    from combined
)

select * from final
