"""Reports as signed PDFs: of a project, for whoever pays, and statements for clients.

Belongs here: what may be asked for (`asked`), figures (`figures`), the PDF (`composing`, `renderer`, `signing`), making
one in the background (`making`), and proving one (`verifying`). Does not belong here: sums (`api.dashboards`).

    asked for ──▶ row, queued ──▶ figures of one build, as canonical JSON ──▶ HTML ──▶ PDF, in a process of its own
                                  that can reach nothing ──▶ signed ──▶ stored with its digest, never changed again
"""
