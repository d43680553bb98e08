"""Whom PostgreSQL runs as: it refuses to run as root, so root lends it an unprivileged user that exists already."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.postgres.problem import PostgresProblem

if TYPE_CHECKING:
    from pathlib import Path

# A user of its own keeps the cluster from other daemons that share `nobody`.
PREFERRED_USERS = ("muniment", "nobody")


@dataclass(frozen=True, slots=True)
class Identity:
    """The user and group that the server's processes take."""

    user: int
    group: int

    def may_execute(self, path: Path) -> bool:
        """Tell whether this user may run the program or pass through the folder.

        Asked of the kernel as that user: modes alone do not tell of access lists and mounts.
        """
        lent = os.geteuid() == 0
        answer = subprocess.run(  # noqa: S603 - a constant command
            ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)],
            check=False,
            cwd="/",
            user=self.user if lent else None,
            group=self.group if lent else None,
            extra_groups=[] if lent else None,
        )
        return answer.returncode == 0


def current_identity() -> Identity:
    return Identity(os.geteuid(), os.getegid())


def identity_for(cluster: Path) -> Identity:
    """Return the owner of a cluster that exists, else whom a new one is made for.

    Raises PostgresProblem when the cluster belongs to another user than the caller, or root finds no user to lend.
    """
    current = current_identity()
    owner = _owner(cluster)
    if current.user != 0:
        if owner is not None and owner.user != current.user:
            raise PostgresProblem(
                f"The database in {cluster} belongs to user {owner.user}: start as that user or as root."
            )
        return current
    if owner is not None and owner.user != 0:
        return owner
    for name in PREFERRED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(entry.pw_uid, entry.pw_gid)
    sentence = (
        f"PostgreSQL does not run as root, and none of the users {', '.join(PREFERRED_USERS)} exists. "
        "Start as an ordinary user, or name a server in MUNIMENT_DATABASE_URL."
    )
    raise PostgresProblem(sentence)


def _owner(cluster: Path) -> Identity | None:
    try:
        found = cluster.stat()
    except FileNotFoundError:
        return None
    return Identity(found.st_uid, found.st_gid)
