"""Alerts: telling people, once, of a budget's threshold reached, an hour far dearer than usual, a saving gone wrong.

Belongs here: who is told (`settings`, `webhooks`), what was crossed (`figures`, `crossings`), writing it down and owing
the word in one transaction (`raising`), calling webhooks (`addresses`, `calls`, `delivering`), the thread that does it
(`keeper`), and their routes. Does not belong here: budgets (`api.budgets`), forecasts, anomalies and measured
savings (`dbt_project`), sending e-mails (`api.outbox`).
"""
