"""An assistant's tools over one workspace, by the Model Context Protocol; they read and change nothing.

Belongs here: the tools and their words. Does not belong here: calling the server (`api.client`), the command
(`api.cli.mcp`).
"""
