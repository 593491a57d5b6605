-- Every measure of the roll-up is the sum over the requests behind it; for UTC days with requests since the last good
-- build.
-- depends_on: {{ ref('int_requests_priced') }}
{% set since = since_file_seq() | int %}
{% set changed_days = days_of_requests_since(since) if since > 0 else [] %}

with

requests as (
    select *
    from {{ ref('fct_requests') }}
    {% if since > 0 %}
        where {{ in_periods(changed_days, none, 'requested_on') }}
    {% endif %}
),

rolled_up as (
    select *
    from {{ ref('mart_spend_15min') }}
    {% if since > 0 %}
        where {{ in_periods(changed_days, none, 'utc_day') }}
    {% endif %}
),

from_requests as (
    select
        workspace_id,
        requested_on as utc_day,
        spend_kind,
        withheld_reason,
        {{ measured_requests() }}
    from requests
    group by all
),

from_roll_up as (
    select
        workspace_id,
        utc_day,
        spend_kind,
        withheld_reason,
        {{ summed_measures() }}
    from rolled_up
    group by all
),

missing as (
    select * from from_requests
    except
    select * from from_roll_up
),

surplus as (
    select * from from_roll_up
    except
    select * from from_requests
),

final as (
    select * from missing
    union all
    select * from surplus
)

select * from final
