"""What a person is told who starts the service: where it serves, and at the first start how to get a first token."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.bootstrap import RootApplication
    from service.settings import Settings


def ready(settings: Settings) -> str:
    """Return the line that says where the service serves; programs wait for it."""
    return f"Muniment serves on {_address(settings)} (issuer {settings.issuer})"


def introduce(root: RootApplication, settings: Settings) -> str:
    """Return what a newcomer is told at the first start: the credentials, once, and a first call to paste."""
    body = (
        f'{{"grant_type":"client_credentials","client_id":"{root.client_id}",'
        f'"client_secret":"{root.client_secret}","audience":"{settings.default_audience}"}}'
    )
    return f"""
First start: the root application was made. Its secret is shown once and kept in
{root.path} (readable by you alone).

  client id      {root.client_id}
  client secret  {root.client_secret}

Get a first token:

  curl -s {_address(settings)}/oauth2/token \\
    -H 'Content-Type: application/json' \\
    -d '{body}'
"""


def _address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"
