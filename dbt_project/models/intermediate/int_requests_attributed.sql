{{ config(pre_hook=["{{ point_at_exports() }}", "{{ point_at_landed_files() }}"]) }}

with

requests as (select * from {{ ref('stg_requests') }}),

periods as (select * from {{ ref('int_reattribution_periods') }}),

decided_for_all as (
    select *
    from periods
    where device_id is null
),

decided_for_devices as (
    select *
    from periods
    where device_id is not null
),

-- What was logged decides, never what another decision made of it. Each join finds one row at most.
final as (
    select
        requests.* replace (
            case
                when coalesce(decided_for_devices.decision_number, 0) > coalesce(decided_for_all.decision_number, 0)
                    then decided_for_devices.to_project
                when decided_for_all.decision_number is not null then decided_for_all.to_project
                else requests.project
            end as project
        ),
        requests.project as project_as_logged
    from requests
    left join decided_for_all
        on
            requests.workspace_id = decided_for_all.workspace_id
            and coalesce(requests.project, '(not shared)') = decided_for_all.from_project
            and requests.requested_at >= decided_for_all.starts_at
            and requests.requested_at < decided_for_all.ends_at
    left join decided_for_devices
        on
            requests.workspace_id = decided_for_devices.workspace_id
            and requests.device_id = decided_for_devices.device_id
            and coalesce(requests.project, '(not shared)') = decided_for_devices.from_project
            and requests.requested_at >= decided_for_devices.starts_at
            and requests.requested_at < decided_for_devices.ends_at
)

select * from final
