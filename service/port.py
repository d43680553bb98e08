"""The port of the service: held by the parent process, shared by the workers that listen on it themselves."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.settings import Settings


class CannotListen(Exception):
    """The address cannot be listened on; the message names it."""


def reserve(settings: Settings) -> socket.socket:
    """Return a bound socket that holds the port, a free one for 0. Raises CannotListen."""
    try:
        return _bound(settings)
    except OSError as error:
        hint = "; choose another port with --port or MUNIMENT_PORT" if error.errno == errno.EADDRINUSE else ""
        msg = f"cannot listen on {settings.host} port {settings.port}: {error.strerror}{hint}"
        raise CannotListen(msg) from None


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Workers share the port with SO_REUSEPORT, which would let a second service slip in unseen: look first, without it.
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((settings.host, settings.port))
    holder = socket.socket(family, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind((settings.host, settings.port))
    return holder
