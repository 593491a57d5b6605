"""Providers' bills, as people of a workspace handle them.

Belongs here: connecting and disconnecting providers' billing. Does not belong here: reading it (`pipelines.billing`),
what a workspace itself pays for (`api.billing`).
"""
