with recursive

periods as (select * from {{ source('finance', 'bill_periods') }}),

lines as (select * from {{ source('finance', 'bill_lines') }}),

amounts as (
    select
        workspace_id,
        period_id,
        sum(amount_picousd) filter (where category = 'usage') as usage_picousd,
        sum(coalesce(list_amount_picousd, amount_picousd)) filter (where category = 'usage') as list_picousd,
        {% for category in ['discount', 'credit', 'adjustment', 'tax', 'prepaid'] %}
            sum(amount_picousd) filter (where category = '{{ category }}') as {{ category }}_picousd,
        {% endfor %}
        sum(requests) as requests,
        count(list_amount_picousd) as list_lines,
        count(*) filter (where category = 'credit') as credit_lines,
        count(*) filter (where category = 'adjustment') as adjustment_lines,
        count(*) filter (where amount_picousd <> 0 and amount_picousd % {{ one_cent() }} = 0) as cent_lines,
        count(*) filter (where amount_picousd <> 0) as amount_lines
    from lines
    group by workspace_id, period_id
),

-- What is said now. A bill of nothing that is not settled yet is one that is late.
stated as (
    select
        periods.workspace_id,
        periods.provider,
        periods.period_id,
        periods.first_day,
        periods.last_day,
        periods.kind,
        periods.read_at,
        periods.is_complete,
        coalesce(periods.request_count, amounts.requests) as requests,
        {% for amount in ['usage', 'list', 'discount', 'credit', 'adjustment', 'tax', 'prepaid'] %}
            coalesce(amounts.{{ amount }}_picousd, 0) as {{ amount }}_picousd,
        {% endfor %}
        {% for kind in ['list', 'credit', 'adjustment', 'cent'] %}
            coalesce(amounts.{{ kind }}_lines, 0) as {{ kind }}_lines,
        {% endfor %}
        case
            when periods.kind = 'manual' then 3
            when periods.kind = 'anthropic_cost_report' then 2
            else 1
        end as choice
    from periods
    left join amounts
        on
            periods.workspace_id = amounts.workspace_id
            and periods.period_id = amounts.period_id
    where
        periods.superseded_at is null
        and (periods.is_complete or coalesce(amounts.amount_lines, 0) > 0)
),

-- Of a day the provider's own figures before a person's; two connections of one kind are two accounts, which add up.
days as (
    select *
    from stated
    where first_day = last_day
    qualify
        choice = min(choice) over (partition by workspace_id, provider, first_day)
        and (
            choice < 3
            or row_number() over (
                partition by workspace_id, provider, first_day, choice
                order by read_at desc, period_id desc
            ) = 1
        )
),

known_days as (
    select distinct
        workspace_id,
        provider,
        first_day as utc_day
    from days
),

-- What was stated of several days cannot be taken apart: it counts in its month as a whole, or not at all.
spans as (
    select *
    from stated
    where
        first_day < last_day
        and date_trunc('month', first_day) = date_trunc('month', last_day)
),

span_days as (
    select
        *,
        cast(unnest(generate_series(first_day, last_day, interval '1 day')) as date) as utc_day
    from spans
),

-- One of which finer figures cover every day says nothing new.
needed_ids as (
    select distinct span_days.period_id
    from span_days
    left join known_days
        on
            span_days.workspace_id = known_days.workspace_id
            and span_days.provider = known_days.provider
            and span_days.utc_day = known_days.utc_day
    left join spans as finer
        on
            span_days.workspace_id = finer.workspace_id
            and span_days.provider = finer.provider
            and span_days.utc_day between finer.first_day and finer.last_day
            and span_days.first_day <= finer.first_day
            and span_days.last_day >= finer.last_day
            and span_days.last_day - span_days.first_day > finer.last_day - finer.first_day
    where known_days.utc_day is null and finer.period_id is null
),

needed as (
    select spans.*
    from spans
    inner join needed_ids on spans.period_id = needed_ids.period_id
),

-- Of two that overlap the wider holds where it has the other within it, else the one stated last. Taken in this order,
-- each holds unless one before it does: so none falls to a statement that does not hold itself. Each is of one month.
nested as (
    select
        needed.workspace_id,
        needed.provider,
        date_trunc('month', needed.first_day) as statement_month,
        needed.period_id,
        needed.first_day,
        needed.last_day,
        needed.read_at,
        count(wider.period_id) as wider_periods
    from needed
    left join needed as wider
        on
            needed.workspace_id = wider.workspace_id
            and needed.provider = wider.provider
            and needed.first_day >= wider.first_day
            and needed.last_day <= wider.last_day
            and needed.last_day - needed.first_day < wider.last_day - wider.first_day
    group by all
),

ranked as (
    select
        *,
        row_number() over (
            partition by workspace_id, provider, statement_month
            order by wider_periods asc, read_at desc, period_id desc
        ) as place
    from nested
),

holding as (
    select
        workspace_id,
        provider,
        statement_month,
        place,
        [period_id] as period_ids,
        generate_series(first_day, last_day, interval '1 day') as held_days
    from ranked
    where place = 1
    union all
    select
        holding.workspace_id,
        holding.provider,
        holding.statement_month,
        ranked.place,
        case
            when {{ span_is_free() }} then list_append(holding.period_ids, ranked.period_id) else holding.period_ids
        end as period_ids,
        case
            when {{ span_is_free() }}
                then holding.held_days || generate_series(ranked.first_day, ranked.last_day, interval '1 day')
            else holding.held_days
        end as held_days
    from holding
    inner join ranked
        on
            holding.workspace_id = ranked.workspace_id
            and holding.provider = ranked.provider
            and holding.statement_month = ranked.statement_month
            and ranked.place = holding.place + 1
),

held_ids as (
    select unnest(period_ids) as period_id
    from holding
    qualify place = max(place) over (partition by workspace_id, provider, statement_month)
),

held_spans as (
    select needed.*
    from needed
    inner join held_ids on needed.period_id = held_ids.period_id
),

-- A statement that reaches into another month is shown and compared with nothing of one month.
across_months as (
    select *
    from stated
    where date_trunc('month', first_day) <> date_trunc('month', last_day)
),

chosen as (
    select
        days.*,
        not exists (
            select 1
            from held_spans
            where
                held_spans.workspace_id = days.workspace_id
                and held_spans.provider = days.provider
                and days.first_day between held_spans.first_day and held_spans.last_day
        ) as counts_in_month
    from days
    union all
    select
        *,
        true as counts_in_month
    from held_spans
    union all
    select
        *,
        false as counts_in_month
    from across_months
    qualify
        row_number() over (
            partition by workspace_id, provider, first_day, last_day
            order by read_at desc, period_id desc
        ) = 1
),

final as (
    select
        workspace_id,
        provider,
        first_day,
        last_day,
        cast(date_trunc('month', last_day) as date) as utc_month,
        any_value(kind) as source,
        list(period_id order by period_id) as period_ids,
        bool_and(is_complete) as is_complete,
        bool_and(counts_in_month) as counts_in_month,
        max(read_at) as read_at,
        -- Where one of two accounts does not tell its requests, nobody knows those of both.
        case when count(requests) = count(*) then cast(sum(requests) as bigint) end as requests,
        {% for amount in ['usage', 'list', 'discount', 'credit', 'adjustment', 'tax', 'prepaid'] %}
            cast(sum({{ amount }}_picousd) as hugeint) as {{ amount }}_picousd,
        {% endfor %}
        {% for kind in ['list', 'credit', 'adjustment', 'cent'] %}
            cast(sum({{ kind }}_lines) as bigint) as {{ kind }}_lines,
        {% endfor %}
        cast(sum(usage_picousd + discount_picousd + credit_picousd + adjustment_picousd) as hugeint) as billed_picousd
    from chosen
    group by workspace_id, provider, first_day, last_day
)

select * from final
