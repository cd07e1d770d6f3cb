"""How columns of a file and fields of Reply correspond: `rules`, bound once to an object, applied to whole chunks."""

from bulkreply.mapping.apply import REJECT_SCHEMA, Mapped, Mapping, reject_frame
from bulkreply.mapping.bind import bind, columns_of
from bulkreply.mapping.rules import CLEAR, GROUP_SEPARATOR, Names, Problem, Rule

__all__ = [
    "CLEAR",
    "GROUP_SEPARATOR",
    "REJECT_SCHEMA",
    "Mapped",
    "Mapping",
    "Names",
    "Problem",
    "Rule",
    "bind",
    "columns_of",
    "reject_frame",
]
