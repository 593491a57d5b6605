"""How the service does, for operators: OpenTelemetry metrics in Prometheus' text at `/metrics`.

Belongs here: what is measured (`measures`), all workers' figures in one answer (`sharing`), the route (`routes`). Does
not belong here: anything about a workspace: no slug, no project and no path that names one is ever a label.
"""
