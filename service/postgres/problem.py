"""The one error of the embedded database: its text tells an operator what is wrong and what to do."""

from __future__ import annotations


class PostgresProblem(Exception):
    """The embedded database cannot be found, made, started or kept where it was asked to be."""
