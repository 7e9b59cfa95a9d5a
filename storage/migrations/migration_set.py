"""The set of migrations that the steps add themselves to. Its name is stored in every database."""

from typing import Final

from sqlite_utils import Migrations

migrations: Final = Migrations("tunebot")
