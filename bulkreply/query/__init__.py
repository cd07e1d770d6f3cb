"""SQL over Reply: the objects a query names are read, a real engine does the rest, and no query reaches a file."""

from bulkreply.query.statement import Statement, read_statement
from bulkreply.query.tables import Answered, answer, load_folder, load_objects

__all__ = ["Answered", "Statement", "answer", "load_folder", "load_objects", "read_statement"]
