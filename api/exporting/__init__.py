"""Making the ZIP of everything a workspace holds.

Belongs here: its content, a file at a time and streamed (`requests_files`, `documents`), and the order of things
(`making`). Does not belong here: asking for one and downloading it (`api.workspaces.exports`).
"""
