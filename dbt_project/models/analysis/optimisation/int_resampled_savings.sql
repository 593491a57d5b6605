{#- A bootstrap over days: as many days as there are, drawn with replacement, before and after apart. What is drawn
    depends on the decision and the number of the draw alone, so that the same days always give the same interval.
    Resample 0 is the days as they are. -#}
with

days as (select * from {{ ref('int_measured_days') }}),

measured as (
    select distinct
        workspace_id,
        counted_with,
        is_after,
        utc_day
    from days
),

numbered as (
    select
        workspace_id,
        counted_with,
        is_after,
        utc_day,
        row_number() over (partition by workspace_id, counted_with, is_after order by utc_day) as day_number,
        count(*) over (partition by workspace_id, counted_with, is_after) as day_count
    from measured
),

draws as (
    select
        numbered.workspace_id,
        numbered.counted_with,
        numbered.is_after,
        resamples.resample,
        1 + cast(md5_number_lower(
            concat_ws('|', numbered.counted_with, numbered.is_after, resamples.resample, numbered.day_number)
        ) % numbered.day_count as bigint) as day_number
    from numbered
    cross join range(1, {{ var('analysis_realised_resamples') }} + 1) as resamples (resample)
    union all
    select
        workspace_id,
        counted_with,
        is_after,
        0 as resample,
        day_number
    from numbered
),

strata as (
    select
        draws.workspace_id,
        draws.counted_with,
        draws.resample,
        days.request_kind,
        days.length_class,
        coalesce(sum(days.units) filter (where not days.is_after), 0) as units_before,
        coalesce(sum(days.cost_picousd) filter (where not days.is_after), 0) as cost_before,
        coalesce(sum(days.units) filter (where days.is_after), 0) as units_after,
        coalesce(sum(days.cost_picousd) filter (where days.is_after), 0) as cost_after
    from draws
    inner join numbered
        on
            draws.workspace_id = numbered.workspace_id
            and draws.counted_with = numbered.counted_with
            and draws.is_after = numbered.is_after
            and draws.day_number = numbered.day_number
    inner join days
        on
            numbered.workspace_id = days.workspace_id
            and numbered.counted_with = days.counted_with
            and numbered.is_after = days.is_after
            and numbered.utc_day = days.utc_day
    group by draws.workspace_id, draws.counted_with, draws.resample, days.request_kind, days.length_class
),

-- What the calls made after would have cost before, each at the cost of calls like it.
final as (
    select
        workspace_id,
        counted_with,
        resample,
        cast(sum(units_after) as bigint) as units_compared,
        cast(sum(units_after * cost_before // units_before) as hugeint) as cost_before_picousd,
        cast(sum(cost_after) as hugeint) as cost_after_picousd
    from strata
    where units_before > 0 and units_after > 0
    group by workspace_id, counted_with, resample
)

select * from final
