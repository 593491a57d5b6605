{{
    config(
        materialized='incremental',
        incremental_strategy='replace_periods',
        unique_key=['workspace_id', 'utc_day'],
    )
}}

-- depends_on: {{ ref('stg_requests') }}
{% set periods = utc_days_to_roll_up(this) if is_incremental() else [] %}

with

requests as (select * from {{ ref('fct_requests') }}),

projects as (select * from {{ ref('stg_projects') }}),

rates_digests as not materialized (
    {{ rates_digests() }}
),

chosen as (
    select *
    from requests
    {% if is_incremental() %}
        where {{ in_periods(periods, 'workspace_id', 'requested_on') }}
    {% endif %}
),

rolled_up as (
    select
        {{ spend_grain() }},
        requested_on as utc_day,
        time_bucket(interval '15 minutes', requested_at) as bucket_starts_at,
        {{ measured_requests() }},
        max(file_seq) as last_file_seq
    from chosen
    group by {{ spend_grain() }}, utc_day, bucket_starts_at
),

final as (
    select
        rolled_up.*,
        projects.visibility_version,
        coalesce(own.rates_digest, common.rates_digest) as rates_digest
    from rolled_up
    left join projects
        on
            rolled_up.workspace_id = projects.workspace_id
            and rolled_up.project = projects.project
    left join rates_digests as own
        on
            rolled_up.workspace_id = own.workspace_id
            and rolled_up.provider = own.provider
            and rolled_up.model = own.model
    left join rates_digests as common
        on
            common.workspace_id is null
            and rolled_up.provider = common.provider
            and rolled_up.model = common.model
)

select * from final
