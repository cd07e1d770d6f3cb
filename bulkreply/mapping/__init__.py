"""How columns of a file and fields of Reply correspond: `rules`, bound once to a target, applied to whole chunks."""

from bulkreply.mapping.apply import REJECT_SCHEMA, Mapped, Mapping, reject_frame
from bulkreply.mapping.bind import auto_rules, bind, columns_of
from bulkreply.mapping.cells import Bound
from bulkreply.mapping.names import Names
from bulkreply.mapping.rules import CLEAR, ID_MARK, KEY_SEPARATOR, Problem, Rule

__all__ = [
    "CLEAR",
    "ID_MARK",
    "KEY_SEPARATOR",
    "REJECT_SCHEMA",
    "Bound",
    "Mapped",
    "Mapping",
    "Names",
    "Problem",
    "Rule",
    "auto_rules",
    "bind",
    "columns_of",
    "reject_frame",
]
