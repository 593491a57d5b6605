import marimo

__generated_with = "0.25.2"
app = marimo.App(
    width="medium",
    app_title="What if prices were others",
    sql_output="polars",
)

with app.setup:
    from datetime import UTC, datetime, timedelta

    import altair as alt
    import marimo as mo
    import polars.selectors as cs

    from pipelines.charts import Theme, chart
    from pipelines.lake.clock import SystemClock
    from pipelines.lake.notebook import open_marts


@app.cell
def _():
    marts = open_marts()
    return (marts,)


@app.cell(hide_code=True)
def _(marts):
    _name, zone, _build, _book, _as_of = marts.execute(
        "select name, time_zone, build_id, rate_book_version, data_as_of::timestamp_s::varchar"
        " from dim_workspaces, build_info"
    ).fetchall()[0]
    mo.md(f"""
    # What if prices were others

    What **{_name}** really asked, priced as if another model had answered: request by request, at its own tier and
    length of context.

    Data as of **{_as_of or "no requests yet"} UTC** · days of **{zone}** · build `{_build}` · rate book `{_book}`

    ## The rate book

    `rate_book` has a row per price: provider, model, service tier, and the context it begins over, in force from
    `valid_from` until just before `valid_to`. Prices are **picodollars per token**, so 1,000,000 of them are one dollar
    per million tokens, and every price is an integer. A row with a `workspace_id` is a price you negotiated; it goes
    before everyone's. The five kinds of tokens are disjoint. A kind without a price is null, not free.
    """)
    return (zone,)


@app.cell
def _(dim_models, marts, rate_book):
    prices = mo.sql(
        f"""
        select
            provider,
            model_ref,
            service_tier,
            context_over_tokens,
            workspace_id is not null as is_negotiated,
            uncached_input_picousd_per_token / 1e6 as input_usd_per_mtok,
            cache_read_picousd_per_token / 1e6 as cache_read_usd_per_mtok,
            cache_write_5m_picousd_per_token / 1e6 as cache_write_5m_usd_per_mtok,
            cache_write_1h_picousd_per_token / 1e6 as cache_write_1h_usd_per_mtok,
            output_picousd_per_token / 1e6 as output_usd_per_mtok,
            valid_from,
            source
        from rate_book
        where
            valid_to > now() at time zone 'UTC'
            and (provider, model_ref) in (select (provider, model_ref) from dim_models where model_ref is not null)
        order by provider, model_ref, service_tier, context_over_tokens
        """,
        engine=marts
    )
    return


@app.cell(hide_code=True)
def _(marts, zone):
    _models = marts.execute("select distinct provider || ' / ' || model_ref as m from rate_book order by m").fetchall()
    _names = [name for (name,) in _models]
    # To begin with: the cheapest model you use of the provider you use most.
    _cheap = marts.execute(
        "select any_value(provider || ' / ' || model_ref) from fct_requests"
        " where spend_kind = 'metered' and cost_priced_picousd > 0 and billable_output_tokens > 0"
        " group by provider, model_ref order by sum(count(*)) over (partition by provider) desc,"
        " sum(cost_priced_picousd) / sum(billable_output_tokens)"
    ).fetchall()
    _default = _cheap[0][0] if _cheap else next(iter(_names), None)
    _last = marts.execute(
        "select max((requested_at at time zone 'UTC' at time zone $zone)::date) from fct_requests", {"zone": zone}
    ).fetchall()[0][0]
    _last = _last or SystemClock().now().date()

    target = mo.ui.dropdown(_names, value=_default, label="As if all had gone to", searchable=True)
    period = mo.ui.date_range(value=(_last - timedelta(days=29), _last), label="Requests of")
    rates_at = mo.ui.text(value=f"{SystemClock().now():%Y-%m-%dT%H:%M:%SZ}", label="At prices of")
    cache_as_input = mo.ui.checkbox(label="Cache tokens without a price cost what input costs")
    mo.vstack([mo.md("## Choose"), mo.hstack([target, period, rates_at], justify="start", wrap=True), cache_as_input])
    return cache_as_input, period, rates_at, target


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## The SQL

    From the inside out. `known` are the model's prices in force at the chosen instant. `chosen` settles, for each tier
    and context band, which of them holds: the request's own tier before `standard`, a negotiated price before
    everyone's, the longest band that fits, then what was learned last. `repriced` multiplies. A kind with tokens but
    no price leaves the whole request without one: null, counted in `unrepriced_requests`.

    Both prices of a request are needed to compare, so look at the `compared_…` columns: they are about the same
    requests on both sides. All of it is the rate book's money, not the log's.
    """)
    return


@app.cell(hide_code=True)
def _(rates_at, target):
    provider, _, model_ref = (target.value or "").partition(" / ")
    at = datetime.fromisoformat(rates_at.value).astimezone(UTC).replace(tzinfo=None)
    return at, model_ref, provider


@app.cell
def _(
    at,
    cache_as_input,
    fct_requests,
    marts,
    model_ref,
    period,
    provider,
    rate_book,
    zone,
):
    repriced = mo.sql(
        f"""
        with asked as (
            select
                '{provider}' as provider,
                '{model_ref}' as model_ref,
                timestamp '{at}' as rates_at,
                date '{period.value[0]}' as first_day,
                date '{period.value[1]}' as last_day,
                {cache_as_input.value} as cache_as_input
        ),

        requests as (
            select
                fct_requests.*,
                uncached_input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens as all_input
            from fct_requests, asked
            where
                spend_kind = 'metered'
                and withheld_reason is null
                and (requested_at at time zone 'UTC' at time zone '{zone}')::date between first_day and last_day
        ),

        known as (
            select rate_book.*, cache_as_input
            from rate_book
            inner join asked using (provider, model_ref)
            where valid_from <= rates_at and rates_at < valid_to
        ),

        bands as (select distinct context_over_tokens as band from known),

        tiers as (select distinct service_tier as tier from requests),

        chosen as (
            select
                tier,
                band,
                uncached_input_picousd_per_token as input_price,
                output_picousd_per_token as output_price,
                coalesce(cache_read_picousd_per_token, if(cache_as_input, input_price, null)) as read_price,
                coalesce(cache_write_5m_picousd_per_token, if(cache_as_input, input_price, null)) as write_5m_price,
                coalesce(cache_write_1h_picousd_per_token, if(cache_as_input, input_price, null)) as write_1h_price
            from tiers
            cross join bands
            inner join known on service_tier in (tier, 'standard') and context_over_tokens <= band
            qualify row_number() over (
                partition by tier, band
                order by
                    service_tier = tier desc,
                    workspace_id is not null desc,
                    context_over_tokens desc,
                    known_from desc,
                    valid_from desc,
                    rate_id desc
            ) = 1
        ),

        repriced as (
            select
                requests.provider,
                requests.model,
                requests.cost_priced_picousd as now_picousd,
                if(uncached_input_tokens = 0, 0, uncached_input_tokens * input_price)
                + if(cache_read_tokens = 0, 0, cache_read_tokens * read_price)
                + if(cache_write_5m_tokens = 0, 0, cache_write_5m_tokens * write_5m_price)
                + if(cache_write_1h_tokens = 0, 0, cache_write_1h_tokens * write_1h_price)
                + if(billable_output_tokens = 0, 0, billable_output_tokens * output_price) as then_picousd,
                now_picousd is not null and then_picousd is not null as is_compared
            from requests
            left join chosen
                on requests.service_tier = chosen.tier
                and chosen.band = (select max(band) from bands where band = 0 or requests.all_input > band)
        )

        select
            provider,
            model,
            count(*) as requests,
            usd_of_picousd(coalesce(sum(now_picousd), 0)) as cost_priced_usd,
            count(*) filter (where now_picousd is null) as unrated_requests,
            usd_of_picousd(coalesce(sum(then_picousd), 0)) as repriced_usd,
            count(*) filter (where then_picousd is null) as unrepriced_requests,
            count(*) filter (where is_compared) as compared_requests,
            usd_of_picousd(coalesce(sum(now_picousd) filter (where is_compared), 0)) as compared_priced_usd,
            usd_of_picousd(coalesce(sum(then_picousd) filter (where is_compared), 0)) as compared_repriced_usd,
            compared_repriced_usd - compared_priced_usd as difference_usd
        from repriced
        group by provider, model
        order by cost_priced_usd desc, provider, model
        """,
        output=False,
        engine=marts
    )
    repriced.with_columns(cs.decimal().round(6))  # exact in `repriced`, rounded for reading
    return (repriced,)


@app.cell(hide_code=True)
def _(repriced, target):
    _then, _now = repriced["compared_repriced_usd"].sum() or 0, repriced["compared_priced_usd"].sum() or 0
    _compared, _all = repriced["compared_requests"].sum(), repriced["requests"].sum()
    _words = "cheaper" if _then <= _now else "dearer"
    mo.vstack(
        [
            mo.hstack(
                [
                    mo.stat(f"${_now:,.2f}", label="as it was", caption=f"{_compared:,} of {_all:,} requests compared"),
                    mo.stat(f"${_then:,.2f}", label=f"at {target.value}"),
                    mo.stat(f"${abs(_then - _now):,.2f}", label=_words, caption="the same tokens"),
                ],
                justify="start",
                gap=3,
            ),
            draw(
                "repriced",
                [
                    {
                        "name": one["model"],
                        "now_usd": one["compared_priced_usd"],
                        "then_usd": one["compared_repriced_usd"],
                        "words": f"{'+' if one['difference_usd'] >= 0 else '−'}${abs(one['difference_usd']):,.2f}",
                        "dearer": one["difference_usd"] > 0,
                    }
                    for one in repriced.iter_rows(named=True)
                    if one["compared_requests"]
                ],
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    Bars are the repriced cost, ticks what it cost as it was.

    ## Before you quote it

    - **Tokens are taken as they were counted.** Another model cuts the same text into other tokens, and answers at
      other lengths. Measure a sample before you promise a saving.
    - **Price says nothing about quality.** *Optimisation* looks for swaps that usage speaks for, with a confidence.
    - **Caches differ.** Where a model has no price for cache tokens, its requests have none either; tick the box to
      count those tokens as plain input, the dear end of what could happen.
    - **Subscriptions are left out**: their calls cost nothing each, at any price.

    The server says the same, to the last picodollar: `POST /v1/{workspace}/rates/what-if`.
    """)
    return


@app.function(hide_code=True)
def draw(name, rows, **options):
    """Return a chart of the pages with these rows, on the notebook's own ground."""
    if not rows:
        return mo.md("*Nothing to draw yet.*")
    return alt.Chart.from_dict(chart(name, rows, Theme(mo.app_meta().theme or "light"), **options))


if __name__ == "__main__":
    app.run()
