"""The scope of iForm's clients, who ask for `read` whatever they are registered for (spec/iform.md, F11, section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.oauth.clients import Client

READ, PROFILE = "read", "profile"


def in_our_words(parameters: Mapping[str, str], client: Client) -> Mapping[str, str]:
    """Return the scope of a request of people's tokens, where there is one: `read` stands for `profile` in it.

    A client that holds a scope called `read`, or was granted one, means that.
    """
    held = client.permissions.union(*(grant.scope for grant in client.grants))
    if "scope" not in parameters or READ in held:
        return {}
    return {"scope": " ".join(PROFILE if name == READ else name for name in parameters["scope"].split(" "))}
