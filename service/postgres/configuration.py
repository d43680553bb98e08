"""The server's settings, given on its command line so that nothing in the data folder can change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PORT = 5432

_SETTINGS = {
    # Reached through the socket alone, in a folder that only the server's user (and root) may enter. That is why the
    # cluster's `trust` authentication is safe: whoever can open the socket could read the files as well.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    # Few and small full-page images: an append-heavy log writes little else.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    # After a crash: one call for the whole file system instead of one for each of a thousand files.
    "recovery_init_sync_method": "syncfs",
    "wal_compression": "on",
    # Statements take microseconds: compiling them would cost more than running them.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # DETAIL lines repeat values of rows, and those may be personal.
    "log_error_verbosity": "terse",
}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def server_arguments(cluster: Path, socket_folder: Path, *, durable: bool, connections: int) -> list[str]:
    settings = _SETTINGS | (_DURABLE if durable else _FORGETFUL) | {"max_connections": str(connections)}
    named = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    return ["-D", str(cluster), "-k", str(socket_folder), "-p", str(PORT), *named]
