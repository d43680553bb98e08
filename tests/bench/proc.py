"""What Linux tells of processes: their family, their processor time and their memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")  # a second, in the unit of /proc/PID/stat

# Places in /proc/PID/stat after the command's name (proc(5)).
PARENT, USER_TIME, CHILDREN_SYSTEM_TIME, STARTED = 1, 11, 14, 19


@dataclass(frozen=True)
class Identity:
    """A process that no later one is mistaken for: numbers are used again, starts are not."""

    pid: int
    started: str


@dataclass(frozen=True)
class Memory:
    """What one process holds, in MB: all resident pages, and its fair share of those that several map."""

    pid: int
    program: str
    rss: float
    pss: float


def _stat(pid: int) -> list[str] | None:
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def identity(pid: int) -> Identity | None:
    """Return who this process is, or None when there is none."""
    fields = _stat(pid)
    return Identity(pid, fields[STARTED]) if fields and fields[0] != "Z" else None


def family(pid: int) -> list[int]:
    """Return the process and all its descendants, the oldest generation first; empty when it has ended."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[PARENT]), []).append(int(entry.name))
    found = [pid] if _stat(pid) else []
    for member in found:
        found.extend(children.get(member, []))
    return found


def processor_seconds(pid: int) -> float:
    """Return the processor time used so far by the process, its descendants and those of them that ended."""
    ticks = 0
    for member in family(pid):
        if fields := _stat(member):
            ticks += sum(int(field) for field in fields[USER_TIME : CHILDREN_SYSTEM_TIME + 1])
    return ticks / TICKS


def machine_seconds() -> float:
    """Return the processor time of the machine that is gone: used, or taken by the host for other machines."""
    fields = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _wait, interrupt, soft_interrupt, stolen = (int(field) for field in fields[:8])
    return (user + nice + system + interrupt + soft_interrupt + stolen) / TICKS


def _program(pid: int) -> str:
    return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()


def memory(pid: int) -> list[Memory]:
    """Return the memory of a server's own processes, itself first; PostgreSQL and Python's tracker are left out."""
    found = []
    for member in family(pid):
        try:
            program = _program(member)
            rollup = (PROC / str(member) / "smaps_rollup").read_text().splitlines()[1:]
        except OSError:  # it ended meanwhile
            continue
        if "postgres" in program.split(" ", 1)[0] or "resource_tracker" in program:
            continue
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in rollup}
        found.append(Memory(member, program[:80], kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024))
    return found
