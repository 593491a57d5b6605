"""Budgets: what a workspace, a project or a cost centre may spend in a month."""
