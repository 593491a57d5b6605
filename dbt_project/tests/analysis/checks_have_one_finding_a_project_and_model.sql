-- One test for all checks: each alone would cost more time than its check.
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
{%- for check in checks %}
    (
        select
            workspace_id,
            window_number,
            check_id,
            project,
            provider,
            model
        from {{ ref('int_check_' ~ check) }}
        group by all
        having count(*) > 1
    )
    {%- if not loop.last %}
        union all
    {%- endif %}
{%- endfor %}
