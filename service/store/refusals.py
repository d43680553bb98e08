"""What the store itself can answer no to. The first three are races: the caller decides again on fresh state."""

from __future__ import annotations


class StoreRefusal(Exception):
    """An append that was not committed; nothing of it is in the log."""


class Stale(StoreRefusal):
    """A guard was touched, or a stream grew, since the decision was made."""

    def __init__(self, reason: str, detail: str) -> None:
        """Keep what moved: reason "version", "guard", "subject" or "master_key", and the stream or key."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Taken(StoreRefusal):
    """A claimed name belongs to somebody else."""

    def __init__(self, space: str) -> None:
        """Keep the space only: the name itself may be personal."""
        super().__init__(space)
        self.space = space


class AlreadyAnswered(StoreRefusal):
    """The idempotency key was used within its 24 hours: here is what was answered then."""

    def __init__(self, request_mac: bytes, answer: bytes) -> None:
        """Keep the HMAC of the request that won and its sealed answer."""
        super().__init__("idempotency key used")
        self.request_mac = request_mac
        self.answer = answer


class InvalidIdempotencyKey(StoreRefusal):
    """An Idempotency-Key is not 1 to 255 visible ASCII characters."""


class IdempotencyMismatch(StoreRefusal):
    """The idempotency key was used within its 24 hours for another request (422 at the doors)."""


class Overloaded(StoreRefusal):
    """The queue of pending appends is full, or the log was held for too long: try again (503 with Retry-After)."""


class Closing(StoreRefusal):
    """The process is shutting down and takes no more appends."""


class NewerGeneration(StoreRefusal):
    """Another generation of a read model is live: this process must load its definitions again."""
