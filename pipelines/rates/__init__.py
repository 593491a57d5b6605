"""The rate book: what a token costs, since when, and who says so.

Belongs here: prices as rows (`book`), reading them out of genai-prices (`seed`, `aliases`), writing them for the
warehouse (`export`), pricing one call in plain Python (`reference`), completing negotiated prices (`list_prices`).
Does not belong here: pricing the warehouse's rows (`dbt_project`, models `int_model_rates` and `int_requests_priced`),
where negotiated rates are entered (the control plane), and the table daemons are offered (`api.rate_offer`).
"""
