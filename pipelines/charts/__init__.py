"""Charts: one Vega-Lite specification each, written once with Altair, drawn by pages, PDFs and notebooks alike.

Belongs here: specifications (`spending`, and a module per further subject), colours (`themes`), and putting rows into
them (`drawing`). Does not belong here: where rows come from; this room imports nothing of ours.
"""

from pipelines.charts.drawing import chart, chart_names, drawn, sized, svg
from pipelines.charts.themes import Theme

__all__ = ["Theme", "chart", "chart_names", "drawn", "sized", "svg"]
