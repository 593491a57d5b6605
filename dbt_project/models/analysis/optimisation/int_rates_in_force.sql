with

usage as (select * from {{ ref('int_usage') }}),

alternatives as (select * from {{ ref('model_alternatives') }}),

rate_book as (select * from {{ source('published', 'stg_rate_book') }}),

used as (
    select distinct
        workspace_id,
        provider,
        model_ref
    from usage
),

wanted as (
    select *
    from used
    union
    select
        used.workspace_id,
        used.provider,
        alternatives.other_ref as model_ref
    from used
    inner join alternatives
        on
            used.provider = alternatives.provider
            and used.model_ref = alternatives.model_ref
),

starts as (
    select context_over_tokens
    from rate_book
    union
    select 0 as context_over_tokens
),

-- The price of a prompt longer than `context_over_tokens` now, by the rules every request is priced with.
final as (
    select
        wanted.workspace_id,
        wanted.provider,
        wanted.model_ref,
        rate_book.service_tier,
        starts.context_over_tokens,
        rate_book.uncached_input_picousd_per_token,
        rate_book.cache_read_picousd_per_token,
        rate_book.cache_write_5m_picousd_per_token,
        rate_book.cache_write_1h_picousd_per_token,
        rate_book.output_picousd_per_token
    from wanted
    inner join rate_book
        on
            wanted.provider = rate_book.provider
            and wanted.model_ref = rate_book.model_ref
            and (rate_book.workspace_id is null or wanted.workspace_id = rate_book.workspace_id)
            and rate_book.valid_from <= {{ analysis_day() }}
            and rate_book.valid_to > {{ analysis_day() }}
    inner join starts on rate_book.context_over_tokens <= starts.context_over_tokens
    qualify
        row_number() over (
            partition by
                wanted.workspace_id, wanted.provider, wanted.model_ref, rate_book.service_tier,
                starts.context_over_tokens
            order by
                rate_book.workspace_id is not null desc,
                rate_book.context_over_tokens desc,
                rate_book.known_from desc,
                rate_book.valid_from desc,
                rate_book.rate_id desc
        ) = 1
)

select * from final
