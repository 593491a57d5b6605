with

clusters as (select * from {{ ref('int_clusters') }}),

requests as (select * from {{ ref('int_repeated_requests') }}),

-- A prompt that several projects send to one model is worth a shared cache.
shared as (
    select
        workspace_id,
        prompt_hash,
        provider,
        model,
        count(distinct project) as projects
    from requests
    where window_number = 0
    group by workspace_id, prompt_hash, provider, model
),

final as (
    select
        clusters.workspace_id,
        clusters.cluster_id,
        clusters.kind,
        clusters.prompt_hash,
        clusters.provider,
        clusters.model,
        clusters.project,
        clusters.device_id,
        clusters.requests,
        clusters.devices,
        clusters.device_ids,
        shared.projects,
        clusters.first_seen_at,
        clusters.last_seen_at,
        clusters.unpriced_requests,
        clusters.spend_picousd,
        clusters.repeat_cost_picousd,
        clusters.estimated_saving_picousd,
        clusters.sample_request_ids,
        clusters.evidence
    from clusters
    inner join shared
        on
            clusters.workspace_id = shared.workspace_id
            and clusters.prompt_hash = shared.prompt_hash
            and clusters.provider = shared.provider
            and clusters.model = shared.model
    where clusters.window_number = 0
)

select * from final
