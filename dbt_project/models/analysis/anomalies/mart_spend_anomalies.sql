{% set spread = var('analysis_anomaly_spread') %}

with

hours as (select * from {{ ref('int_spend_hours') }}),

requests as (select * from {{ source('published', 'fct_requests') }}),

build as (select * from {{ source('published', 'build_info') }}),

-- What an hour with spend usually costs, whatever hour it is: most hours of most projects have none.
usual as (
    select
        workspace_id,
        project,
        provider,
        model,
        min(local_hour_at) as first_hour_at,
        count(*) filter (where spent_millicents > 0) as active_hours,
        median(spent_millicents) filter (where spent_millicents > 0) as middle,
        mad(spent_millicents) filter (where spent_millicents > 0) as deviation
    from hours
    group by workspace_id, project, provider, model
),

-- The few hours that stand out of those; the rest need no closer look.
outstanding as (
    select
        hours.*,
        usual.middle,
        {{ spread_limit('usual.middle', 'usual.deviation', spread) }} as upper_limit,
        cast(least(
            {{ var('analysis_anomaly_weeks') }}, date_diff('day', usual.first_hour_at, hours.local_hour_at) // 7
        ) as integer) as weeks
    from hours
    inner join usual
        on
            hours.workspace_id = usual.workspace_id
            and hours.project = usual.project
            and hours.provider = usual.provider
            and hours.model = usual.model
    cross join build
    where
        usual.active_hours >= {{ var('analysis_anomaly_active_hours') }}
        and hours.hour_starts_at >= build.data_as_of - interval {{ var('analysis_anomaly_days') }} day
        and hours.spent_millicents >= {{ var('analysis_anomaly_floor_millicents') }}
        and hours.spent_millicents > {{ spread_limit('usual.middle', 'usual.deviation', spread) }}
),

weeks_before as (
    select
        *,
        local_hour_at - to_days(cast(7 * unnest(range(1, weeks + 1)) as integer)) as earlier_hour_at
    from outstanding
    where weeks >= {{ var('analysis_anomaly_weeks_min') }}
),

-- The same hour of the weeks before, hours without a request included as nothing spent.
seasonal as (
    select
        weeks_before.workspace_id,
        weeks_before.project,
        weeks_before.provider,
        weeks_before.model,
        weeks_before.hour_starts_at,
        median(coalesce(hours.spent_millicents, 0)) as middle,
        mad(coalesce(hours.spent_millicents, 0)) as deviation
    from weeks_before
    left join hours
        on
            weeks_before.workspace_id = hours.workspace_id
            and weeks_before.project = hours.project
            and weeks_before.provider = hours.provider
            and weeks_before.model = hours.model
            and weeks_before.earlier_hour_at = hours.local_hour_at
    group by
        weeks_before.workspace_id,
        weeks_before.project,
        weeks_before.provider,
        weeks_before.model,
        weeks_before.hour_starts_at
),

judged as (
    select
        outstanding.*,
        case when seasonal.workspace_id is null then 'all_hours' else 'hour_of_week' end as baseline,
        cast(round(coalesce(seasonal.middle, outstanding.middle)) as bigint) as expected_millicents,
        cast(ceil(greatest(
            outstanding.upper_limit,
            coalesce({{ spread_limit('seasonal.middle', 'seasonal.deviation', spread) }}, 0)
        )) as bigint) as limit_millicents
    from outstanding
    left join seasonal
        on
            outstanding.workspace_id = seasonal.workspace_id
            and outstanding.project = seasonal.project
            and outstanding.provider = seasonal.provider
            and outstanding.model = seasonal.model
            and outstanding.hour_starts_at = seasonal.hour_starts_at
),

anomalies as (
    select *
    from judged
    where
        spent_millicents > limit_millicents
        and spent_millicents - expected_millicents >= {{ var('analysis_anomaly_floor_millicents') }}
),

samples as (
    select
        anomalies.workspace_id,
        anomalies.project,
        anomalies.provider,
        anomalies.model,
        anomalies.hour_starts_at,
        list(
            requests.request_id
            order by requests.cost_logged_millicents desc nulls last, requests.request_id asc
        ) as request_ids
    from anomalies
    inner join requests
        on
            anomalies.workspace_id = requests.workspace_id
            and anomalies.project = requests.project
            and anomalies.provider = requests.provider
            and anomalies.model = requests.model
            and anomalies.hour_starts_at <= requests.requested_at
            and anomalies.hour_starts_at + interval 1 hour > requests.requested_at
    where requests.spend_kind = 'metered' and requests.withheld_reason is null
    group by
        anomalies.workspace_id, anomalies.project, anomalies.provider, anomalies.model, anomalies.hour_starts_at
),

final as (
    select
        anomalies.workspace_id,
        sha256(concat_ws(
            chr(31),
            cast(anomalies.workspace_id as varchar),
            anomalies.project,
            anomalies.provider,
            anomalies.model,
            cast(epoch_us(anomalies.hour_starts_at) as varchar)
        )) as anomaly_id,
        anomalies.project,
        anomalies.provider,
        anomalies.model,
        anomalies.hour_starts_at,
        anomalies.baseline,
        anomalies.weeks as weeks_compared,
        anomalies.requests,
        anomalies.unpriced_requests,
        anomalies.spent_millicents,
        anomalies.expected_millicents,
        anomalies.limit_millicents,
        coalesce(samples.request_ids[1:5], []) as sample_request_ids
    from anomalies
    left join samples
        on
            anomalies.workspace_id = samples.workspace_id
            and anomalies.project = samples.project
            and anomalies.provider = samples.provider
            and anomalies.model = samples.model
            and anomalies.hour_starts_at = samples.hour_starts_at
)

select * from final
