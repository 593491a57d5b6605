"""What the SCIM service says of itself: ServiceProviderConfig, ResourceTypes, Schemas.

Belongs here: these constant documents. Does not belong here: anything about people.
"""

from __future__ import annotations

from typing import Any, Final

from api.scim.directory import PAGE_MAX
from api.scim.resources import USER_SCHEMA

_CORE: Final = "urn:ietf:params:scim:schemas:core:2.0"


def service_provider_config(base: str) -> dict[str, Any]:
    """Return what the service can do."""
    return {
        "schemas": [f"{_CORE}:ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": PAGE_MAX},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": False},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "API key",
                "description": "An API key of the workspace with the scope scim, as a bearer token.",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }


def resource_types(base: str) -> list[dict[str, Any]]:
    """Return the one type of resource there is."""
    return [
        {
            "schemas": [f"{_CORE}:ResourceType"],
            "id": "User",
            "name": "User",
            "endpoint": "/Users",
            "description": "A person who is, or was, a member of the workspace",
            "schema": USER_SCHEMA,
            "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/User"},
        }
    ]


def schemas(base: str) -> list[dict[str, Any]]:
    """Return the attributes of a person that are kept."""
    return [
        {
            "schemas": [f"{_CORE}:Schema"],
            "id": USER_SCHEMA,
            "name": "User",
            "description": "A person who is, or was, a member of the workspace",
            "attributes": [
                _attribute(
                    "userName", "The person's e-mail address", required=True, mutability="immutable", unique=True
                ),
                _attribute("externalId", "The directory's own id of the person", exact=True),
                _attribute("displayName", "Taken for people who are new here", mutability="immutable"),
                _attribute("active", "Whether the person is a member", kind="boolean"),
            ],
            "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{USER_SCHEMA}"},
        }
    ]


def _attribute(
    name: str,
    description: str,
    *,
    kind: str = "string",
    required: bool = False,
    mutability: str = "readWrite",
    unique: bool = False,
    exact: bool = False,
) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "multiValued": False,
        "description": description,
        "required": required,
        "caseExact": exact,
        "mutability": mutability,
        "returned": "default",
        "uniqueness": "server" if unique else "none",
    }
