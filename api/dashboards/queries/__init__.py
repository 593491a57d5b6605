"""Every statement the dashboards run against a published snapshot.

Belongs here: SQL, with the workspace as its first condition and every value as a parameter. Does not belong here: what
the rows mean to a view, and the app database (`api.dashboards.control`).
"""
