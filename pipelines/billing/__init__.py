"""Providers' bills, read from their billing interfaces and kept beside what was logged.

    amounts, bills            exact money; a bill in our own words, whoever wrote it
    http                      calls to a provider: patience, limits, pages, no secrets in any message
    anthropic_analytics, anthropic_cost_report, openai_costs, xai_usage, gemini_export
                              one provider's answers turned into bills, nothing else
    connections               what a connection is set to, and the reader that fits it
    credentials               sealed keys of providers
    recording                 periods into the app database: new, restated or unchanged
    run                       reading every connection that is due

Does not belong here: tables (`pipelines.lake.bills`), comparing bills with what was logged, Dagster
(`pipelines.assets`).
"""
