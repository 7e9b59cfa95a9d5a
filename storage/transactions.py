"""Runs a transaction, and what must happen only once it is committed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlite_utils import Database as Connection

_after_commit: ContextVar[list[Callable[[], None]]] = ContextVar("after_commit")


@contextmanager
def transaction(connection: Connection, *, durable: bool = True) -> Iterator[None]:
    """Run what is in the block in one transaction, which is rolled back if it raises."""
    # IMMEDIATE, because sqlite-utils' atomic() begins a deferred transaction: one that reads and then writes fails
    # at once, without the busy timeout, if another connection wrote in between
    # (https://www.sqlite.org/lang_transaction.html). Inside ours, every atomic() becomes a savepoint.
    if not durable:
        connection.execute("PRAGMA synchronous = NORMAL")
    later: list[Callable[[], None]] = []
    token = _after_commit.set(later)
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
    finally:
        _after_commit.reset(token)
        if not durable:
            connection.execute("PRAGMA synchronous = FULL")
    for act in later:
        act()


def after_commit(act: Callable[[], None]) -> None:
    """Call this once the transaction of this block is committed, and never if it is rolled back."""
    _after_commit.get().append(act)
