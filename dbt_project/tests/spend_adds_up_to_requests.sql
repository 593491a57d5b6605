-- Every measure of the roll-up is the sum over the requests behind it; for workspace days with requests since the last
-- good build.
-- depends_on: {{ ref('stg_requests') }}
with

requests as (select * from {{ ref('fct_requests') }}),

rolled_up as not materialized (select * from {{ ref('mart_spend_15min') }}),

{% if since_file_seq() | int > 0 %}
    changed_days as (
        select distinct
            workspace_id,
            requested_on as utc_day
        from {{ ref('stg_requests') }}
        where file_seq > {{ since_file_seq() }}
    ),
{% else %}
    changed_days as (
        select distinct
            workspace_id,
            utc_day
        from rolled_up
    ),
{% endif %}

from_requests as (
    select
        requests.workspace_id,
        requests.requested_on as utc_day,
        requests.spend_kind,
        requests.withheld_reason,
        {{ measured_requests() }}
    from requests
    inner join changed_days
        on
            requests.workspace_id = changed_days.workspace_id
            and requests.requested_on = changed_days.utc_day
    group by all
),

from_roll_up as (
    select
        rolled_up.workspace_id,
        rolled_up.utc_day,
        rolled_up.spend_kind,
        rolled_up.withheld_reason,
        {{ summed_measures() }}
    from rolled_up
    inner join changed_days
        on
            rolled_up.workspace_id = changed_days.workspace_id
            and rolled_up.utc_day = changed_days.utc_day
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
