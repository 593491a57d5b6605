import marimo

__generated_with = "0.25.2"
app = marimo.App(
    width="medium",
    app_title="The log against the bill",
    sql_output="polars",
)

with app.setup:
    import altair as alt
    import marimo as mo

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
    _name, _analysis, _build, _as_of = marts.execute(
        "select name, analysis_id, build_id, data_as_of::timestamp_s::varchar from dim_workspaces, analysis_info"
    ).fetchall()[0]
    mo.md(f"""
    # The log against the bill

    What the laptops of **{_name}** logged, held against what the providers billed.

    Data as of **{_as_of} UTC** · days of **UTC**, as providers count them · analysis `{_analysis}` of build `{_build}`

    The analysis comes a few minutes after the marts, so its build may be an earlier one than `build_info` names.
    Compare figures of the two only where the builds are the same.
    """)
    return (analysis,)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## Month by month

    **Logged** is metered spend alone, withheld requests included, for they were billed too. **Billed** is usage,
    discounts, credits and adjustments; tax and prepaid credit stay outside. **Awaiting** is what was logged on days
    no bill is there of yet, and is not compared. So the variance is *logged − awaiting − billed*: positive when the
    log has more. Green is below 0.5 % (or five cents), amber up to 2 %, red above.

    Three things to know before you quote a figure. An **unpriced** request adds nothing to logged, and so makes the
    bill look too high. A month that is not `is_complete` still moves. And `unit_suspect` warns of a bill in other
    units, such as cents taken for dollars. Rows with the provider `all` are the sums: leave them out when you add up.

    The tables hold picodollars. Here they are rounded to a millionth of a dollar, for reading.
    """)
    return


@app.cell
def _(analysis, mart_reconciliation_monthly):
    months = mo.sql(
        f"""
        select
            utc_month,
            provider,
            round(usd_of_picousd(logged_picousd), 6) as logged_usd,
            round(usd_of_picousd(awaiting_picousd), 6) as awaiting_usd,
            round(usd_of_picousd(billed_picousd), 6) as billed_usd,
            round(usd_of_picousd(variance_picousd), 6) as variance_usd,
            round(100 * variance_picousd / nullif(billed_picousd, 0), 2) as percent,
            colour,
            requests,
            unpriced_requests,
            source,
            is_complete,
            unit_suspect
        from mart_reconciliation_monthly
        order by utc_month desc, provider
        """,
        engine=analysis
    )
    return (months,)


@app.cell(hide_code=True)
def _(months):
    _rows = []
    for _one in months.reverse().iter_rows(named=True):
        if _one["provider"] != "all" or _one["unit_suspect"]:
            continue
        _both = {"You logged": _one["logged_usd"], "The provider billed": _one["billed_usd"]}
        for _kind, _usd in _both.items():
            _first = _kind == "You logged"
            _variance = _one["variance_usd"] if _first else None
            _rows.append(
                {
                    "at": f"{_one['utc_month']:%Y-%m}",
                    "kind": _kind,
                    "usd": _usd,
                    "top": max(_one["logged_usd"], _one["billed_usd"] or 0) if _first else None,
                    "words": None if _variance is None else f"{'+' if _variance >= 0 else '−'}${abs(_variance):,.2f}",
                    "colour": _one["colour"] or "none",
                    "when": f"{_one['utc_month']:%B %Y}",
                }
            )
    draw("logged-and-billed", _rows)
    return


@app.cell(hide_code=True)
def _(months):
    _billed = months.filter(months["billed_usd"].is_not_null())
    mo.callout(
        mo.md("""
        **No bill is there yet.** A member brings one at *Reconciliation → Bills*: connect a provider's billing, upload
        a CSV, or type the total of a statement. On the server, `halton-cloud bills connect` does the first.
        """),
        kind="neutral",
    ) if _billed.is_empty() else None
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## Where a variance comes from

    `mart_variance_parts` takes each variance apart, and its parts sum to it, to the last picodollar. Some come from
    the log (calls without a cost, another price or tier than the rate book's), some from the bill (discounts,
    credits, calls it has and the log has not). What nobody can explain is called `unexplained`, not left out.
    Add up rows with `counts_in_month` alone: the others are days within a statement that counts as a whole.
    """)
    return


@app.cell
def _(analysis, mart_variance_parts):
    parts = mo.sql(
        f"""
        select
            utc_month,
            provider,
            part,
            round(usd_of_picousd(sum(amount_picousd)), 6) as usd,
            sum(requests)::bigint as requests,
            arg_max(reason, abs(amount_picousd)) as reason_of_the_largest
        from mart_variance_parts
        where counts_in_month
        group by all
        having sum(amount_picousd) <> 0
        order by utc_month desc, abs(sum(amount_picousd)) desc
        """,
        engine=analysis
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## The days of a month

    Choose a month; the newest with a bill comes first. Bars are logged, lines are billed, in the colour of the
    variance.
    """)
    return


@app.cell(hide_code=True)
def _(months):
    _billed = months.filter((months["provider"] == "all") & months["billed_usd"].is_not_null())["utc_month"]
    month = mo.ui.dropdown(
        [str(one) for one in _billed], value=str(_billed[0]) if len(_billed) else None, label="Month"
    )
    month
    return (month,)


@app.cell
def _(analysis, mart_reconciliation_daily, month):
    days = mo.sql(
        f"""
        select
            utc_day,
            round(usd_of_picousd(logged_picousd), 6) as logged_usd,
            round(usd_of_picousd(billed_picousd), 6) as billed_usd,
            round(usd_of_picousd(variance_picousd), 6) as variance_usd,
            colour,
            requests,
            unpriced_requests
        from mart_reconciliation_daily
        where
            provider = 'all'
            and unit_suspect is null
            and date_trunc('month', utc_day) = date '{month.value or "1970-01-01"}'
        order by utc_day
        """,
        output=False,
        engine=analysis
    )
    return (days,)


@app.cell(hide_code=True)
def _(days):
    draw(
        "logged-and-billed-by-day",
        [
            {
                "at": one["utc_day"],
                "logged_usd": one["logged_usd"],
                "billed_usd": one["billed_usd"],
                "variance_usd": one["variance_usd"],
                "colour": one["colour"] or "none",
                "when": f"{one['utc_day']:%-d %B %Y}",
            }
            for one in days.iter_rows(named=True)
        ],
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## Down to the request

    `mart_divergent_requests` names the requests whose two prices differ, and those that may explain what the bill has
    and the log has not. `contribution_picousd` is what a request adds to the variance.
    """)
    return


@app.cell
def _(analysis, mart_divergent_requests):
    divergent = mo.sql(
        f"""
        select
            utc_day,
            provider,
            cause,
            project,
            model,
            round(usd_of_picousd(logged_picousd), 6) as logged_usd,
            round(usd_of_picousd(priced_picousd), 6) as priced_usd,
            round(usd_of_picousd(contribution_picousd), 6) as contribution_usd,
            attribution_method,
            withheld_reason,
            request_id
        from mart_divergent_requests
        order by weight_picousd desc, request_id
        limit 50
        """,
        engine=analysis
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## Coverage: how much of the bill was seen

    A machine without a daemon shows up here: it is billed and not seen. The days that miss most come first.
    `covered` counts, model by model, what was billed and seen both, so that too much seen of one model hides no
    gap of another. Rows with the key `(all)` stand for the whole provider. Laptops log no API keys: of a single
    key `seen` is null unless its models had no other.
    """)
    return


@app.cell
def _(analysis, mart_coverage_daily):
    coverage = mo.sql(
        f"""
        select
            utc_day,
            provider,
            unit,
            billed,
            seen,
            covered,
            round(100 * covered / nullif(billed, 0), 1) as percent,
            is_over
        from mart_coverage_daily
        where key_ref = '(all)'
        order by percent, utc_day desc, provider, unit
        """,
        engine=analysis
    )
    return (coverage,)


@app.cell(hide_code=True)
def _(coverage):
    # Of the units a bill counts in, requests say most; tokens where it counts no requests.
    _units = {(one["provider"], one["unit"]) for one in coverage.iter_rows(named=True)}
    _chosen = {provider: "requests" if (provider, "requests") in _units else "tokens" for provider, _ in _units}
    draw(
        "coverage-by-day",
        [
            {
                "at": one["utc_day"],
                "series": one["provider"],
                "percent": one["percent"],
                "seen": one["covered"],
                "billed": one["billed"],
                "unit": one["unit"],
                "when": f"{one['utc_day']:%-d %B %Y}",
            }
            for one in coverage.iter_rows(named=True)
            if one["unit"] == _chosen[one["provider"]] and one["percent"] is not None
        ],
        series=sorted(_chosen),
    )
    return


@app.function(hide_code=True)
def draw(name, rows, **options):
    """Return a chart of the pages with these rows, on the notebook's own ground."""
    if not rows:
        return mo.md("*Nothing to draw yet.*")
    return alt.Chart.from_dict(chart(name, rows, Theme(mo.app_meta().theme or "light"), **options))


if __name__ == "__main__":
    app.run()
