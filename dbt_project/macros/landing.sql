{#- Columns of a landed row in the warehouse: instants as UTC, everything else as it landed.

    A row's place is where it landed, (file_seq, file_row_number), wherever compaction has put its bytes since: a row of a
    compacted file carries its origin, a row of a landing file is at its origin. -#}

{#- The files to read, and what is asked of their rows. -#}
{% macro files_to_read(since=none) -%}
    select
        file_seq,
        workspace_id,
        path,
        origin_file_seq,
        cast(retained_from as timestamp) as retained_from
    from {{ ref('stg_landed_files') }}
    where file_seq > {{ since_file_seq() if since is none else since }}
{%- endmacro %}

{#- Which row of `landed` belongs to which of `files`: none that the ledger does not place in that very file. -#}
{% macro is_row_of_file() -%}
    landed.filename = files.path
    and landed.origin_file_seq is not distinct from files.origin_file_seq
{%- endmacro %}

{% macro landed_row_number() -%}
    coalesce(landed.origin_row_number, landed.file_row_number)
{%- endmacro %}

{#- An instant as UTC, by its microseconds: a cast would ask the calendar of the session's zone, row by row. -#}
{% macro utc(instant) -%}
    make_timestamp(epoch_us({{ instant }}))
{%- endmacro %}

{#- Requests made before the workspace's horizon are past retention and in no mart. -#}
{% macro is_retained() -%}
    (files.retained_from is null or {{ utc('landed.requested_at') }} >= files.retained_from)
{%- endmacro %}

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
    {% if column in instants %}{{ utc(column) }} as {{ column }}{% else %}{{ column }}{% endif %},
    {%- endfor %}
    cast({{ utc('requested_at') }} as date) as requested_on,
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
