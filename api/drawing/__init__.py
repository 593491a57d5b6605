"""Charts drawn for pages, in a process of its own: the engine that draws ends its whole process over some texts.

Belongs here: that process (`drawer`) and its keeper in the server (`worker`). Does not belong here: what a chart is
(`pipelines.charts`), where its rows come from (`api.pages`).
"""
