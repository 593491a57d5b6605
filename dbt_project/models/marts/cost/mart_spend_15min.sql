{{
    config(
        materialized='incremental',
        incremental_strategy='replace_periods',
        unique_key=['workspace_id', 'utc_day'],
    )
}}

-- depends_on: {{ ref('int_requests_priced') }}
{% set periods = utc_days_to_roll_up(this) if is_incremental() else [] %}

with

requests as (select * from {{ ref('fct_requests') }}),

projects as (select * from {{ ref('stg_projects') }}),

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
        projects.visibility_version
    from rolled_up
    left join projects
        on
            rolled_up.workspace_id = projects.workspace_id
            and rolled_up.project = projects.project
)

select * from final
