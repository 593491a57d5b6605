{#- Which periods of a spend mart no longer hold, apart from those with new rows: CTE `stale_periods`
    (workspace_id, <period>). A stored row remembers the project's visibility_version; where it has changed since, or an
    aborted build wrote the row, its period is rolled up again. (Changed prices change the requests themselves, and so
    mean a build of everything.) -#}
{% macro stale_periods(stored, period) %}
    stored_projects as (
        select distinct workspace_id, project, visibility_version
        from {{ stored }}
    ),

    changed_projects as (
        select stored_projects.*
        from stored_projects
        left join projects
            on
                stored_projects.workspace_id = projects.workspace_id
                and stored_projects.project = projects.project
        where stored_projects.visibility_version is distinct from projects.visibility_version
    ),

    stale_periods as (
        select distinct stored.workspace_id, stored.{{ period }}
        from {{ stored }} as stored
        inner join changed_projects
            on
                stored.workspace_id = changed_projects.workspace_id
                and stored.project = changed_projects.project
        union
        select distinct workspace_id, {{ period }}
        from {{ stored }}
        where last_file_seq > {{ since_file_seq() }}
    ),
{% endmacro %}

{#- The (workspace, UTC day) pairs an incremental build has to roll up. Asked before the roll-up is written, because only
    literal days reach the scan of the requests; through the joins that price them a join on days does not. -#}
{% macro utc_days_to_roll_up(stored) -%}
    {%- set query %}
        with

        projects as (select * from {{ ref('stg_projects') }}),

        {{ stale_periods(stored, 'utc_day') }}

        arrivals as (
            select
                workspace_id,
                requested_on as utc_day
            from {{ ref('int_requests_priced') }}
            where file_seq > {{ since_file_seq() }}
        )

        select * from stale_periods
        union
        select * from arrivals
    {%- endset %}
    {{ return(run_query(query).rows | list if execute else []) }}
{%- endmacro %}

{#- The (workspace, UTC day) pairs with requests of files after `since`. -#}
{% macro days_of_requests_since(since) -%}
    {%- set query %}
        select distinct
            workspace_id,
            requested_on
        from {{ ref('int_requests_priced') }}
        where file_seq > {{ since }}
    {%- endset %}
    {{ return(run_query(query).rows | list if execute else []) }}
{%- endmacro %}

{#- A condition that holds for the days given, and, while they are few, only for their workspaces. -#}
{% macro in_periods(periods, workspace, day) -%}
    {%- set days = periods | map(attribute=1) | map('string') | unique | sort | list -%}
    {%- if not days -%}
        false
    {%- elif days | length <= 100 -%}
        {{ day }} in ({% for each in days %}date '{{ each }}'{{ ', ' if not loop.last }}{% endfor %})
    {%- else -%}
        {{ day }} between date '{{ days[0] }}' and date '{{ days[-1] }}'
    {%- endif %}
    {%- if workspace and days and periods | length <= 1000 %}
        and ({{ workspace }}, {{ day }}) in (
            {%- for each in periods %}
            (uuid '{{ each[0] }}', date '{{ each[1] }}'){{ ',' if not loop.last }}
            {%- endfor %}
        )
    {%- endif %}
{%- endmacro %}
