"""Shapes of the dashboards' answers, as OpenAPI shows them.

Belongs here: response models, one module a view. Does not belong here: computing what they hold.
"""
