"""Removing what files hold of a deleted workspace.

Belongs here: landed files (`landing`), published marts and everything built on the way (`marts`), analyses
(`analysis`), and what runs left behind (`traces`). Does not belong here: the app database, and the order of things
(`api.purge`).

All of it can be done again and again; nothing here asks whether it was done before.
"""
