"""Making the rate book: what a token costs, since when, and who says so.

Belongs here: reading prices out of genai-prices (`seed`, `aliases`), writing them for the warehouse (`export`),
completing negotiated prices (`list_prices`). Does not belong here: a price as a row and its arithmetic
(`pipelines.lake.rate_book`), pricing one call in plain Python (`pipelines.lake.pricing`), pricing the warehouse's rows
(`dbt_project`, models `int_model_rates` and `int_requests_priced`), where negotiated rates are entered (the control
plane), and the table daemons are offered (`api.rate_offer`).
"""
