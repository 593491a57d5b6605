-- A request's price, added up again from its token kinds and the very rate it names; for requests since the last good
-- build.
with

requests as (
    select *
    from {{ ref('int_requests_priced') }}
    where file_seq > {{ since_file_seq() }}
),

rates as (select * from {{ ref('stg_rate_book') }}),

recomputed as (
    select
        requests.workspace_id,
        requests.request_id,
        requests.cost_priced_picousd,
        coalesce(requests.uncached_input_tokens * rates.uncached_input_picousd_per_token, 0)
        + coalesce(requests.cache_read_tokens * rates.cache_read_picousd_per_token, 0)
        + coalesce(requests.cache_write_5m_tokens * rates.cache_write_5m_picousd_per_token, 0)
        + coalesce(requests.cache_write_1h_tokens * rates.cache_write_1h_picousd_per_token, 0)
        + coalesce(requests.billable_output_tokens * rates.output_picousd_per_token, 0) as sum_of_parts
    from requests
    left join rates on requests.rate_id = rates.rate_id
    where requests.cost_priced_picousd is not null
),

final as (
    select *
    from recomputed
    where cost_priced_picousd is distinct from sum_of_parts
)

select * from final
