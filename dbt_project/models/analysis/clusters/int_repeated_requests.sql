with

-- Read twice, each time other columns: kept once, all columns of all requests would be written down.
requests as not materialized (select * from {{ source('published', 'fct_requests') }}),

-- Hashes of the prompts come first: they take a fraction of the memory, and only prompts that repeat are read whole.
crowded as (
    select
        {{ window_number('requested_on') }} as window_number,
        hash(workspace_id, prompt_hash) as prompt_key
    from requests
    where
        prompt_hash <> ''
        and spend_kind = 'metered'
        and withheld_reason is null
        and {{ is_analysed('requested_on') }}
    group by window_number, prompt_key
    having count(*) > 1
),

repeated as (
    select
        requests.*,
        {{ window_number('requests.requested_on') }} as window_number,
        case
            when json_valid(requests.extra_json) then nullif(requests.extra_json ->> '$.provider_request_id', '')
        end as provider_request_id
    from requests
    where
        requests.prompt_hash <> ''
        and requests.spend_kind = 'metered'
        and requests.withheld_reason is null
        and {{ is_analysed('requests.requested_on') }}
        and ({{ window_number('requests.requested_on') }}, hash(requests.workspace_id, requests.prompt_hash)) in (
            select (crowded.window_number, crowded.prompt_key) from crowded
        )
),

final as (
    select
        workspace_id,
        window_number,
        request_id,
        device_id,
        project,
        provider,
        model,
        prompt_hash,
        requested_at,
        -- A call that failed took until then; the next attempt is measured from there.
        requested_at + to_microseconds(cast(coalesce(latency_ms, 0) * 1000 as bigint)) as ended_at,
        status,
        rate_id,
        uncached_input_tokens,
        cost_priced_picousd
    from repeated
    -- The provider's id of a call, seen again, is the same call reported twice or a relay's own: no repeat of anything.
    qualify
        provider_request_id is null
        or row_number() over (
            partition by window_number, workspace_id, prompt_hash, provider_request_id
            order by requested_at, request_id
        ) = 1
)

select * from final
