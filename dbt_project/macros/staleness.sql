{#- Which periods of a spend mart no longer hold, apart from those with new rows: CTE `stale_periods`
    (workspace_id, <period>). A stored row remembers the project's visibility_version and the digest of the rates its
    model had; where either has changed since, or an aborted build wrote the row, its period is rolled up again. -#}
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

    stored_models as (
        select distinct workspace_id, provider, model, rates_digest
        from {{ stored }}
    ),

    changed_models as (
        select stored_models.*
        from stored_models
        left join rates_digests as own
            on
                stored_models.workspace_id = own.workspace_id
                and stored_models.provider = own.provider
                and stored_models.model = own.model
        left join rates_digests as common
            on
                common.workspace_id is null
                and stored_models.provider = common.provider
                and stored_models.model = common.model
        where stored_models.rates_digest is distinct from coalesce(own.rates_digest, common.rates_digest)
    ),

    stale_periods as (
        select distinct stored.workspace_id, stored.{{ period }}
        from {{ stored }} as stored
        inner join changed_projects
            on
                stored.workspace_id = changed_projects.workspace_id
                and stored.project = changed_projects.project
        union
        select distinct stored.workspace_id, stored.{{ period }}
        from {{ stored }} as stored
        inner join changed_models
            on
                stored.workspace_id = changed_models.workspace_id
                and stored.provider = changed_models.provider
                and stored.model = changed_models.model
        union
        select distinct workspace_id, {{ period }}
        from {{ stored }}
        where last_file_seq > {{ since_file_seq() }}
    ),
{% endmacro %}
