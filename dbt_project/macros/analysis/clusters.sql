{#- What a group of requests with one prompt is told by. -#}

{% macro cluster_key() -%} workspace_id, window_number, prompt_hash, provider, model, project {%- endmacro %}

{#- Columns of a cluster. `place` numbers its requests by time; `saving` is the cluster's, as an aggregate. -#}
{% macro cluster_measures(kind, saving, evidence, device='cast(null as uuid)') %}
    workspace_id,
    window_number,
    sha256(concat_ws(
        '|', workspace_id, '{{ kind }}', prompt_hash, provider, model, project, {{ device }}
    )) as cluster_id,
    '{{ kind }}' as kind,
    prompt_hash,
    provider,
    model,
    project,
    {{ device }} as device_id,
    count(*) as requests,
    count(distinct device_id) as devices,
    list_sort(list(distinct device_id)) as device_ids,
    min(requested_at) as first_seen_at,
    max(requested_at) as last_seen_at,
    count(*) filter (where cost_priced_picousd is null) as unpriced_requests,
    cast(coalesce(sum(cost_priced_picousd), 0) as hugeint) as spend_picousd,
    cast(coalesce(sum(cost_priced_picousd) filter (where place > 1), 0) as hugeint) as repeat_cost_picousd,
    cast(coalesce({{ saving }}, 0) as hugeint) as estimated_saving_picousd,
    list(request_id order by place) filter (where place <= 5) as sample_request_ids,
    cast(to_json({{ evidence }}) as varchar) as evidence
{% endmacro %}
