import marimo

__generated_with = "0.25.2"
app = marimo.App(
    width="medium",
    app_title="The same prompt again",
    sql_output="polars",
)

with app.setup:
    import altair as alt
    import marimo as mo
    import polars as pl

    from pipelines.charts import Theme, chart
    from pipelines.lake.notebook import open_marts


@app.cell
def _():
    marts = open_marts()
    return (marts,)


@app.cell(hide_code=True)
def _(marts):
    mo.stop(
        not marts.execute("select 1 from duckdb_views() where view_name = 'analysis_info'").fetchall(),
        mo.md("**No analysis yet.** `halton-cloud up` makes one within minutes; then open this notebook again."),
    )
    analysis = marts  # from here on there is one
    _name, _analysis, _as_of = marts.execute(
        "select name, analysis_id, data_as_of::timestamp_s::varchar from dim_workspaces, analysis_info"
    ).fetchall()[0]
    mo.md(f"""
    # The same prompt again

    Requests of **{_name}** that share a prompt, and what that cost. Prompts themselves never leave the laptop: a daemon
    sends a SHA-256, `prompt_hash`, and none at all where privacy settings withhold it. Such requests are in no cluster.

    Data as of **{_as_of} UTC** · the last 30 UTC days · analysis `{_analysis}`

    | kind | what it is | what to do |
    |:--|:--|:--|
    | `exact_duplicate` | the very same request, answered and paid for again | keep the first answer |
    | `retry_storm` | one request tried over and over within moments | wait longer between tries, and stop |
    | `loop` | a program that asks the same thing at a steady beat | see what it waits for |
    | `response_cache` | the same prompt on several days | put a cache of answers before it |
    | `prompt_cache` | long prompts sent again without the provider's cache | mark the part that does not change |
    """)
    return (analysis,)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## By kind

    Costs here are the rate book's, in picodollars; requests it has no price for are counted as **unpriced** and cost
    nothing, so savings err on the low side. **Kinds overlap**: one request may be in a storm and in a loop. Add up
    within a kind, never across kinds. Amounts are rounded to a millionth of a dollar, for reading.
    """)
    return


@app.cell
def _(analysis, mart_clusters):
    kinds = mo.sql(
        f"""
        select
            kind,
            count(*) as clusters,
            sum(requests)::bigint as requests,
            sum(unpriced_requests)::bigint as unpriced_requests,
            round(usd_of_picousd(sum(spend_picousd)), 6) as spend_usd,
            round(usd_of_picousd(sum(repeat_cost_picousd)), 6) as repeats_usd,
            round(usd_of_picousd(sum(estimated_saving_picousd)), 6) as saving_usd
        from mart_clusters
        group by kind
        order by saving_usd desc
        """,
        engine=analysis
    )
    return (kinds,)


@app.cell(hide_code=True)
def _(kinds):
    draw(
        "shares",
        [
            {"name": one["kind"], "cost_usd": one["saving_usd"], "share": f"${one['saving_usd']:,.4f} saved"}
            for one in kinds.iter_rows(named=True)
        ],
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## The largest clusters

    A cluster is one prompt, sent to one model by one project. `evidence` is JSON with the figures of its kind, such as
    how long the densest burst took: `evidence->>'burst_seconds'`.
    """)
    return


@app.cell
def _(analysis, mart_clusters):
    clusters = mo.sql(
        f"""
        select
            kind,
            project,
            model,
            requests,
            devices,
            projects,
            first_seen_at,
            last_seen_at,
            round(usd_of_picousd(spend_picousd), 6) as spend_usd,
            round(usd_of_picousd(repeat_cost_picousd), 6) as repeats_usd,
            round(usd_of_picousd(estimated_saving_picousd), 6) as saving_usd,
            unpriced_requests,
            evidence,
            prompt_hash,
            cluster_id
        from mart_clusters
        order by estimated_saving_picousd desc, cluster_id
        limit 25
        """,
        engine=analysis
    )
    return (clusters,)


@app.cell(hide_code=True)
def _(clusters):
    _labels = {
        f"{place}. {one['kind']} · {one['project']} · {one['model']} · {one['requests']:,} requests": one["cluster_id"]
        for place, one in enumerate(clusters.iter_rows(named=True), 1)
    }
    cluster = mo.ui.dropdown(_labels, value=next(iter(_labels), None), label="Cluster")
    cluster
    return (cluster,)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## Its requests

    The analysis keeps five ids. Here are all requests of the cluster, from `fct_requests`: same prompt, provider, model
    and project (and machine, for a loop) within its time. A cluster of another build may have grown since.
    """)
    return


@app.cell
def _(analysis, cluster, dim_devices, fct_requests, mart_clusters):
    requests = mo.sql(
        f"""
        select
            requests.requested_at,
            date_diff(
                'millisecond', lag(requests.requested_at) over (order by requests.requested_at), requests.requested_at
            ) / 1000 as seconds_since_the_last,
            requests.status,
            dim_devices.hostname,
            round(usd_of_picousd(requests.cost_priced_picousd), 6) as priced_usd,
            requests.uncached_input_tokens,
            requests.cache_read_tokens,
            requests.billable_output_tokens,
            requests.request_id
        from fct_requests as requests
        inner join mart_clusters as clusters using (workspace_id, prompt_hash, provider, model, project)
        left join dim_devices on dim_devices.device_id = requests.device_id
        where
            clusters.cluster_id = '{cluster.value or ""}'
            and requests.requested_at between clusters.first_seen_at and clusters.last_seen_at
            and (clusters.device_id is null or requests.device_id = clusters.device_id)
            and requests.spend_kind = 'metered'
            and requests.withheld_reason is null
        order by requests.requested_at
        """,
        engine=analysis
    )
    return (requests,)


@app.cell(hide_code=True)
def _(requests):
    _days = (
        requests.with_columns(pl.col("requested_at").dt.date().alias("day"))
        .group_by("day", maintain_order=True)
        .agg(pl.len().alias("requests"), pl.col("priced_usd").sum())
    )
    draw(
        "requests-and-cost",
        [
            {
                "at": one["day"],
                "requests": one["requests"],
                "cost_usd": one["priced_usd"],
                "per_request_usd": float(one["priced_usd"]) / one["requests"],
                "when": f"{one['day']:%-d %B %Y}",
            }
            for one in _days.iter_rows(named=True)
        ],
    ) if len(_days) > 1 else None
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## Prompts that wander

    One prompt in several projects is often a shared library or a copied script: one fix helps them all.
    """)
    return


@app.cell
def _(analysis, mart_clusters):
    wandering = mo.sql(
        f"""
        select
            prompt_hash,
            max(projects) as projects,
            list(distinct project order by project) as seen_in,
            list(distinct kind order by kind) as kinds,
            round(usd_of_picousd(max(estimated_saving_picousd)), 6) as largest_saving_usd
        from mart_clusters
        group by prompt_hash
        having max(projects) > 1
        order by largest_saving_usd desc
        """,
        output=False,
        engine=analysis
    )
    return (wandering,)


@app.cell(hide_code=True)
def _(wandering):
    wandering if len(wandering) else mo.md("*None in these thirty days: every prompt stayed in its project.*")
    return


@app.function(hide_code=True)
def draw(name, rows, **options):
    """Return a chart of the pages with these rows, on the notebook's own ground."""
    if not rows:
        return mo.md("*Nothing to draw yet.*")
    return alt.Chart.from_dict(chart(name, rows, Theme(mo.app_meta().theme or "light"), **options))


if __name__ == "__main__":
    app.run()
