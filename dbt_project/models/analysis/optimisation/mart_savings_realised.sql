with

accepted as (select * from {{ ref('int_accepted') }}),

bundles as (select * from {{ ref('int_measured') }}),

days as (select * from {{ ref('int_measured_days') }}),

resampled as (select * from {{ ref('int_resampled_savings') }}),

seen as (
    select
        workspace_id,
        counted_with,
        count(distinct utc_day) filter (where not is_after) as days_before,
        count(distinct utc_day) filter (where is_after) as days_after,
        coalesce(sum(requests) filter (where not is_after), 0) as requests_before,
        coalesce(sum(requests) filter (where is_after), 0) as requests_after,
        coalesce(sum(units) filter (where is_after), 0) as units_after
    from days
    group by workspace_id, counted_with
),

compared as (
    select
        workspace_id,
        counted_with,
        max(units_compared) filter (where resample = 0) as units_compared,
        max(cost_before_picousd) filter (where resample = 0) as cost_before_picousd,
        max(cost_after_picousd) filter (where resample = 0) as cost_after_picousd,
        quantile_disc(
            (cost_before_picousd - cost_after_picousd) * 1000 // units_compared, 0.025
        ) filter (where resample > 0) as low_per_1000,
        quantile_disc(
            (cost_before_picousd - cost_after_picousd) * 1000 // units_compared, 0.975
        ) filter (where resample > 0) as high_per_1000
    from resampled
    group by workspace_id, counted_with
),

judged as (
    select
        bundles.*,
        coalesce(seen.requests_before, 0) as requests_before,
        coalesce(seen.requests_after, 0) as requests_after,
        coalesce(seen.units_after, 0) as units_after,
        coalesce(compared.units_compared, 0) as units_compared,
        compared.cost_before_picousd,
        compared.cost_after_picousd,
        compared.low_per_1000,
        compared.high_per_1000,
        coalesce(
            seen.days_before >= {{ var('analysis_realised_days') }}
            and seen.days_after >= {{ var('analysis_realised_days') }}
            and seen.requests_before >= {{ var('analysis_realised_requests') }}
            and seen.requests_after >= {{ var('analysis_realised_requests') }}
            and compared.units_compared * 2 >= seen.units_after,
            false
        ) as is_enough
    from bundles
    left join seen
        on
            bundles.workspace_id = seen.workspace_id
            and bundles.counted_with = seen.counted_with
    left join compared
        on
            bundles.workspace_id = compared.workspace_id
            and bundles.counted_with = compared.counted_with
),

final as (
    select
        accepted.workspace_id,
        accepted.decision_id,
        accepted.counted_with,
        accepted.check_id,
        accepted.project,
        accepted.provider,
        accepted.model,
        accepted.other_model,
        accepted.decided_at,
        accepted.quoted_saving_picousd,
        case
            when not judged.is_enough then 'not_enough_data'
            when judged.high_per_1000 < 0 then 'regressed'
            else 'measured'
        end as state,
        judged.unit,
        judged.before_from,
        judged.before_until,
        judged.after_from,
        judged.after_until,
        cast(judged.requests_before as bigint) as requests_before,
        cast(judged.requests_after as bigint) as requests_after,
        cast(judged.units_after as bigint) as units_after,
        judged.units_compared,
        case when judged.is_enough then judged.cost_before_picousd * 1000 // judged.units_compared end
            as before_per_1000_picousd,
        case when judged.is_enough then judged.cost_after_picousd * 1000 // judged.units_compared end
            as after_per_1000_picousd,
        case when judged.is_enough then judged.low_per_1000 end as saving_low_per_1000_picousd,
        case when judged.is_enough then judged.high_per_1000 end as saving_high_per_1000_picousd,
        cast(case
            when judged.is_enough and accepted.decision_id = accepted.counted_with
                then judged.cost_before_picousd - judged.cost_after_picousd
            else 0
        end as hugeint) as realised_picousd
    from accepted
    inner join judged
        on
            accepted.workspace_id = judged.workspace_id
            and accepted.counted_with = judged.counted_with
)

select * from final
