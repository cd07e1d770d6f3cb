"""Everything known about Reply's API, as data files and the values they load into."""

from bulkreply.catalog.load import Catalog
from bulkreply.catalog.model import Batch, Field, Operation, Paging, Reach, Recheck
from bulkreply.catalog.objects import Api, Case, Lookup, Mode, ObjectSpec, Procedure, Sign

__all__ = [
    "Api",
    "Batch",
    "Case",
    "Catalog",
    "Field",
    "Lookup",
    "Mode",
    "ObjectSpec",
    "Operation",
    "Paging",
    "Procedure",
    "Reach",
    "Recheck",
    "Sign",
]
