"""Records of Reply as rows of tables: the mapping reversed."""

from bulkreply.shape.columns import Column, columns_of
from bulkreply.shape.decoder import Decoded
from bulkreply.shape.tables import Shape

__all__ = ["Column", "Decoded", "Shape", "columns_of"]
