{#- Columns of a landed row in the warehouse: instants as UTC, everything else as it landed. -#}

{#- What a daemon reported; two copies of one request are compared by these. -#}
{% macro reported_columns() -%}
    {{ return([
        'project',
        'provider',
        'model',
        'input_tokens',
        'output_tokens',
        'thinking_tokens',
        'cached_tokens',
        'cache_write_tokens',
        'cost_logged_millicents',
        'fx_rate',
        'tokens_complete',
        'latency_ms',
        'time_to_first_token_ms',
        'requested_at',
        'recorded_at',
        'status',
        'request_kind',
        'attribution_method',
        'source_workdir',
        'source_machine',
        'prompt_hash',
        'idempotency_key',
        'error_class',
        'provider_error_code',
        'http_status',
        'retryable',
        'billing_basis',
        'extra_json',
    ]) }}
{%- endmacro %}

{#- Fields that privacy settings may withhold or that later releases added: null in one copy is no contradiction. -#}
{% macro forgiving_columns() -%}
    {{ return([
        'project',
        'source_workdir',
        'source_machine',
        'prompt_hash',
        'attribution_method',
        'error_class',
        'provider_error_code',
        'http_status',
        'retryable',
        'billing_basis',
        'extra_json',
        'fx_rate',
    ]) }}
{%- endmacro %}

{% macro landed_columns() -%}
    {%- set instants = ['received_at', 'requested_at', 'recorded_at'] -%}
    {%- set server = ['request_id', 'workspace_id', 'device_id', 'batch_key', 'row_index', 'received_at'] -%}
    {%- for column in server + reported_columns() %}
    {% if column in instants %}cast({{ column }} as timestamp) as {{ column }}{% else %}{{ column }}{% endif %},
    {%- endfor %}
    cast(cast(requested_at as timestamp) as date) as requested_on,
    file_seq,
    file_row_number
{%- endmacro %}

{#- Names of the reported columns in which two copies contradict each other, in wire order. -#}
{% macro differing_fields(first, other) -%}
    list_filter([
    {%- for column in reported_columns() %}
        {%- set one, two = first ~ '.' ~ column, other ~ '.' ~ column %}
        case
            when {{ one }} {{ '<>' if column in forgiving_columns() else 'is distinct from' }} {{ two }}
                then '{{ column }}'
        end{{ ',' if not loop.last }}
    {%- endfor %}
    ], lambda field: field is not null)
{%- endmacro %}
