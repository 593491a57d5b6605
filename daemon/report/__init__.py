"""Totals of the local record, as JSON and on a terminal."""
