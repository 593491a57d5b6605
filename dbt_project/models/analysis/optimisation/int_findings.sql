{%- set checks = [
    'model_swap',
    'newer_version',
    'batch_api',
    'flex_tier',
    'priority_unneeded',
    'prompt_cache_missing',
    'cache_writes_unread',
    'cache_hour_unneeded',
    'cache_hour_missing',
    'long_context',
    'thinking_overuse',
    'output_limit',
    'duplicate_requests',
    'response_cache',
    'retry_waste',
    'runaway_loops',
    'billed_errors',
    'idle_projects',
    'idle_devices',
] -%}
with

found as (
    {%- for check in checks %}
        select * from {{ ref('int_check_' ~ check) }}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
),

checks as (select * from {{ ref('optimisation_checks') }}),

final as (
    select found.*
    from found
    inner join checks on found.check_id = checks.check_id
    where
        not checks.counts_money
        or (
            found.saving_picousd >= {{ var('analysis_finding_picousd') }}
            and found.requests >= {{ var('analysis_finding_requests') }}
        )
)

select * from final
