"""From a code to what the issuer says of a person.

Belongs here: the order of the steps between. Does not belong here: the steps (`issuer`, `id_tokens`).
"""

from __future__ import annotations

from dataclasses import replace

from api.sign_in.oidc.id_tokens import BadTokenError, Claims, judge, key_id_of, verified
from api.sign_in.oidc.issuer import Issuer
from api.sign_in.oidc.round_trips import Return
from pipelines.lake.clock import Clock


def redeem(
    issuer: Issuer, code: str, returned: Return, *, named: str | None, redirect_uri: str, clock: Clock
) -> Claims:
    """Return what the issuer says of whoever came back with a code.

    Args:
        issuer: who was asked.
        code: what the browser brought.
        returned: what was remembered of the round trip.
        named: the issuer that the browser's answer names, if it names one.
        redirect_uri: where the browser came back to.
        clock: tells when the token came.

    Raises:
        BadTokenError: the answer or its token is not to be trusted.
        CodeRefusedError: the issuer does not take the code.
        IssuerUnavailableError: it does not answer.
    """
    if named != issuer.settings.issuer and (named is not None or issuer.metadata().names_itself):
        raise BadTokenError("the answer is of another issuer")
    granted = issuer.exchange(code, verifier=returned.verifier, redirect_uri=redirect_uri)
    keys = issuer.keys_for(key_id_of(granted.id_token))
    claims = judge(granted.id_token, keys, issuer.settings, nonce_sha256=returned.nonce_sha256, at=clock.now())
    if claims.email is not None or granted.access_token is None or issuer.metadata().userinfo_endpoint is None:
        return claims
    said = issuer.user_info(granted.access_token)
    if said.get("sub") != claims.subject:
        raise BadTokenError("the issuer speaks of another account")
    email = said.get("email")
    return replace(claims, email=email if isinstance(email, str) else None, email_verified=verified(said))
