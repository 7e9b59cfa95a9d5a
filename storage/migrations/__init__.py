"""Reads which schema a file has, and applies the steps that it lacks, in their order.

Ten steps make one file. A new step goes to the end of the last file. A step that was released never changes, and
neither does its name, which every database stores.

Times are integers, microseconds since 1970 in UTC: they compare and index as numbers, lose nothing of a datetime,
and cannot differ in zone or format as text can. Every row of a workspace carries its `team`, also where another
table could supply it, so that the data of a workspace can be found, and deleted, without a join.
"""

from dataclasses import dataclass

from sqlite_utils import Database

# An import of a file of steps adds the steps to the set.
from storage.migrations import (  # noqa: F401
    steps_001_to_010,
    steps_011_to_020,
    steps_021_to_030,
    steps_031_to_040,
    steps_041_to_050,
)
from storage.migrations.migration_set import migrations

__all__ = ["Schema", "migrate", "migrations", "read_schema"]


@dataclass(frozen=True, slots=True)
class Schema:
    """What a file has: the names of our steps that were applied, that it lacks, and that this version lacks.

    `foreign` means that the file has tables and that Tunebot created none of them.
    """

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]
    foreign: bool

    @property
    def number(self) -> int:
        """How many steps were applied; 0 for a new file."""
        return len(self.applied)


def read_schema(db: Database) -> Schema:
    """Return which schema a file has."""
    with Database(memory=True, execute_plugins=False) as empty:
        known = [step.name for step in migrations.pending(empty)]
    applied = tuple(step.name for step in migrations.applied(db))
    return Schema(
        applied=applied,
        pending=tuple(name for name in known if name not in applied),
        unknown=tuple(name for name in applied if name not in known),
        foreign=not applied and bool(db.table_names()),
    )


def migrate(db: Database) -> None:
    """Apply the pending steps; a transaction that the caller has open covers all of them."""
    migrations.apply(db)
