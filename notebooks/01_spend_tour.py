import marimo

__generated_with = "0.25.2"
app = marimo.App(
    width="medium",
    app_title="A tour of spend",
    sql_output="polars",
)

with app.setup:
    import os

    import altair as alt
    import marimo as mo
    import polars as pl

    from api.client import Client
    from pipelines.charts import Theme, chart
    from pipelines.lake.notebook import open_marts


@app.cell
def _():
    marts = open_marts()
    return (marts,)


@app.cell(hide_code=True)
def _(marts):
    _name, _zone, _build, _as_of, _stored = marts.execute(
        "select name, time_zone, build_id, data_as_of::timestamp_s::varchar, rows_total from dim_workspaces, build_info"
    ).fetchall()[0]
    mo.md(
        f"""
        # A tour of spend

        That one line opened everything published for **{_name}**, as an ordinary DuckDB connection. It is yours:
        make tables, join your own files, change your mind. The published files under it are read-only, and they
        stay as they are until you open them again, whatever comes in meanwhile.

        Data as of **{_as_of or "no requests yet"} UTC** · days of **{_zone}** · build `{_build}` ·
        {_stored:,} requests stored in all workspaces

        ## Where things are

        | table | one row per |
        |:--|:--|
        | `fct_requests` | request: tokens, cost, project, device, and the batch it came in |
        | `mart_spend_15min`, `…_daily`, `…_monthly` | quarter hour, day or month, by project, model, device and kind |
        | `dim_projects`, `dim_devices`, `dim_models` | project, device, model, with the names people know |
        | `mart_reconciliation_daily`, `mart_clusters`, … | what the analysis found; the next notebooks are about it |
        | `rate_book` | price |

        Add up the smallest table that can answer: months before days, days before requests. All of them agree to
        the last digit; a build in which they did not would never have been published.
        """
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## Three monies

    `spend_kind` says what a cost *is*. **`metered`** is money on a provider's bill. **`subscription_imputed`** is
    what calls under a flat subscription would have cost: nobody is billed for it. **`imported`** came from
    another system. Never add the three up: the sum is nobody's money.

    Each is known in two ways. **Logged** is what the laptop worked out when it made the call, in integer
    millicents. **Priced** is what the rate book makes of the same tokens, in integer picodollars. `usd(…)` and
    `usd_of_picousd(…)` turn them into exact decimals.

    A call whose cost nobody knows is **unpriced**: null, never zero. It is missing from the sum, so show its
    count beside the sum. (`unrated` is the same for the rate book's price.)
    """)
    return


@app.cell
def _(mart_spend_monthly, marts):
    monies = mo.sql(
        f"""
        select
            spend_kind,
            sum(requests)::bigint as requests,
            usd(sum(cost_logged_millicents)) as logged_usd,
            sum(unpriced_requests)::bigint as unpriced_requests,
            usd_of_picousd(sum(cost_priced_picousd)) as priced_usd,
            sum(unrated_requests)::bigint as unrated_requests
        from mart_spend_monthly
        where withheld_reason is null
        group by spend_kind
        order by requests desc
        """,
        engine=marts
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    `withheld_reason is null` leaves out what the dashboards leave out: requests of archived projects, and of
    those beyond the plan. Leave the condition off to count them too; a provider bills them all the same.

    ## Thirty days

    Days are the workspace's own, not UTC's: `local_day`. The dashed line is the thirty days before.
    """)
    return


@app.cell
def _(mart_spend_daily, marts):
    by_day = mo.sql(
        f"""
        with metered as (
            select local_day, provider, sum(cost_logged_millicents) as millicents, sum(requests)::bigint as requests
            from mart_spend_daily
            where spend_kind = 'metered' and withheld_reason is null
            group by all
        ),

        days as (
            select unnest(generate_series(last_day - 29, last_day, interval 1 day))::date as local_day
            from (select max(local_day) as last_day from metered)
        )

        select
            days.local_day,
            providers.provider,
            usd(coalesce(any_value(now.millicents), 0)) as cost_usd,
            usd(coalesce(any_value(earlier.millicents), 0)) as earlier_usd,
            coalesce(any_value(now.requests), 0) as requests
        from days
        cross join (select distinct provider from metered) as providers
        left join metered as now
            on days.local_day = now.local_day and providers.provider = now.provider
        left join metered as earlier
            on days.local_day = earlier.local_day + 30 and providers.provider = earlier.provider
        group by all
        order by days.local_day, providers.provider
        """,
        output=False,
        engine=marts
    )
    return (by_day,)


@app.cell(hide_code=True)
def _(by_day):
    _providers = (
        by_day.group_by("provider")
        .agg(pl.col("cost_usd").sum())
        .sort("cost_usd", descending=True)["provider"]
        .to_list()
    )
    _totals = by_day.group_by("local_day", maintain_order=True).agg(pl.col("requests", "earlier_usd").sum())
    _requests = dict(_totals.select("local_day", "requests").iter_rows())
    _layers = [
        {
            "at": one["local_day"],
            "series": one["provider"],
            "cost_usd": one["cost_usd"],
            "baseline_usd": None,
            "requests": _requests[one["local_day"]],
            "when": f"{one['local_day']:%-d %B}",
            "place": _providers.index(one["provider"]),
        }
        for one in by_day.iter_rows(named=True)
    ]
    _before = [
        {**dict.fromkeys(_layers[0]), "at": one["local_day"], "baseline_usd": one["earlier_usd"]}
        for one in _totals.iter_rows(named=True)
    ]
    draw("spend-by-provider", [*_layers, *_before], series=_providers)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    The charts are those of the pages and PDFs: one specification each, in `pipelines.charts`. `draw` below puts
    rows into it. Its rows are plain dictionaries, so any query of yours can fill it.

    ## What it went on

    `dim_projects` has the names, clients and cost centres. Join on the slug, `project`.
    """)
    return


@app.cell
def _(dim_projects, mart_spend_daily, marts):
    projects = mo.sql(
        f"""
        select
            coalesce(dim_projects.display_name, spend.project) as name,
            dim_projects.client_name,
            dim_projects.cost_centre_name,
            usd(sum(spend.cost_logged_millicents)) as cost_usd,
            round(
                100 * sum(spend.cost_logged_millicents) / sum(sum(spend.cost_logged_millicents)) over (), 1
            ) as percent,
            sum(spend.requests)::bigint as requests,
            sum(spend.unpriced_requests)::bigint as unpriced_requests
        from mart_spend_daily as spend
        left join dim_projects using (workspace_id, project)
        where
            spend.spend_kind = 'metered'
            and spend.withheld_reason is null
            and spend.local_day > (select max(local_day) - 30 from mart_spend_daily)
        group by all
        order by cost_usd desc nulls last
        """,
        engine=marts
    )
    return (projects,)


@app.cell(hide_code=True)
def _(projects):
    draw(
        "shares",
        [
            {"name": one["name"], "cost_usd": one["cost_usd"], "share": f"${one['cost_usd']:,.2f} · {one['percent']} %"}
            for one in projects.head(8).iter_rows(named=True)
            if one["cost_usd"] is not None
        ],
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## Down to one request

    Every figure above ends here. A request knows its batch (`batch_key`), the landed file and row it came from
    (`file_seq`, `file_row_number`), the device that sent it, and the very price it was given (`rate_id`).
    `fct_requests` has all columns of all requests: name the columns you need, and a span of `requested_at`.
    """)
    return


@app.cell
def _(dim_devices, fct_requests, marts):
    dearest = mo.sql(
        f"""
        select
            requested_at,
            project,
            model,
            usd(cost_logged_millicents) as logged_usd,
            usd_of_picousd(cost_priced_picousd) as priced_usd,
            uncached_input_tokens,
            cache_read_tokens,
            cache_write_5m_tokens + cache_write_1h_tokens as cache_write_tokens,
            billable_output_tokens,
            rate_id,
            dim_devices.hostname,
            batch_key,
            file_seq,
            request_id
        from fct_requests
        left join dim_devices using (workspace_id, device_id)
        where spend_kind = 'metered' and withheld_reason is null
        order by cost_logged_millicents desc nulls last
        limit 10
        """,
        engine=marts
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    Token columns come in two sets. `input_tokens`, `output_tokens`, … are **verbatim**, and providers count
    differently: for some, input includes what the cache gave. The five columns above are **disjoint** for every
    provider: add them up as you like.

    ## With an API key instead

    Without access to the files, ask the server. The client has a method per route, and money comes as exact text:

    ```python
    from api.client import Client

    client = Client("https://meter.example", "acme", api_key="hm_api_…")
    client.overview(range="last_30d")["totals"]["cost_usd"]
    ```

    Set `HALTON_API_KEY` (and `HALTON_API_URL`), and the next cell asks for this workspace's thirty days.
    """)
    return


@app.cell
def _(marts):
    over_the_api = None
    if os.environ.get("HALTON_API_KEY"):
        _slug = marts.execute("select slug from dim_workspaces").fetchall()[0][0]
        _url = os.environ.get("HALTON_API_URL", "http://127.0.0.1:8080")
        with Client(_url, _slug, api_key=os.environ["HALTON_API_KEY"]) as _client:
            over_the_api = _client.overview(range="last_30d")["totals"]
    over_the_api
    return


@app.function(hide_code=True)
def draw(name, rows, **options):
    """Return a chart of the pages with these rows, on the notebook's own ground."""
    if not rows:
        return mo.md("*Nothing to draw yet.*")
    return alt.Chart.from_dict(chart(name, rows, Theme(mo.app_meta().theme or "light"), **options))


if __name__ == "__main__":
    app.run()
