"""A thin typed client of the JSON API, on httpx and msgspec alone.

Belongs here: calls of the GET routes, pages, retries, the server's own words when it refuses. Does not belong here:
anything else of this repository: notebooks, assistants and scripts elsewhere use it as it is.

    from api.client import Client

    with Client("http://meter.example:8080", "acme", api_key="hm_api_…") as client:
        client.overview(range="this_month")["totals"]["cost_usd"]
        for request in client.all_requests(project="atlas"):
            ...
"""

from api.client.client import Client
from api.client.transport import ApiError, Unreachable

__all__ = ["ApiError", "Client", "Unreachable"]
