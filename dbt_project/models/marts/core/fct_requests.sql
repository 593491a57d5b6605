{{ config(materialized='view') }}

with

requests as (select * from {{ ref('int_requests_priced') }}),

projects as (select * from {{ ref('stg_projects') }}),

final as (
    select
        requests.* replace (
            coalesce(requests.project, '(not shared)') as project,
            coalesce(requests.project_as_logged, '(not shared)') as project_as_logged
        ),
        case when requests.received_at >= projects.withheld_since then projects.withheld_reason end as withheld_reason
    from requests
    left join projects
        on
            requests.workspace_id = projects.workspace_id
            and requests.project = projects.project
)

select * from final
