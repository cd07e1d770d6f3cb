"""Everything known about Reply's API, as data files and the values they load into."""

from bulkreply.catalog.load import Catalog
from bulkreply.catalog.model import Api, Batch, Field, Lookup, Mode, ObjectSpec, Operation, Paging

__all__ = ["Api", "Batch", "Catalog", "Field", "Lookup", "Mode", "ObjectSpec", "Operation", "Paging"]
