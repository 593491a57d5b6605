"""What each kind of report says: figures of one build, the very ones the JSON answers give.

Belongs here: gathering them (`project`, `executive`, `statement`). Does not belong here: how they look (`composing`),
sums (`api.dashboards`).
"""
