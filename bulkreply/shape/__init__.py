"""Records of Reply as rows of tables: the mapping reversed."""

from bulkreply.shape.columns import Column, columns_of
from bulkreply.shape.decoder import Decoded
from bulkreply.shape.tables import Shape, Table

__all__ = ["Column", "Decoded", "Shape", "Table", "columns_of"]
