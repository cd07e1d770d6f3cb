"""Databases as the end of an export: tables replaced, appended to or merged, in one transaction."""

from bulkreply.databases.address import SCHEMES, open_database
from bulkreply.databases.database import Database, Mode, Written

__all__ = ["SCHEMES", "Database", "Mode", "Written", "open_database"]
