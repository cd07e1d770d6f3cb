"""What the `to:` of a job means in the catalog: fields a row may fill, and the calls it leads to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from bulkreply.catalog import Case, Catalog, Field, Mode, ObjectSpec, Operation, Procedure
from bulkreply.catalog.inputs import CALL, filler, inputs_of
from bulkreply.errors import UsageProblem
from bulkreply.outcomes import Outcome

Shapes = Mapping[str, Mapping[str, Field]]


@dataclass(frozen=True)
class Target:
    """An object in a mode, or a procedure.

    Attributes:
        name: Of the object or procedure.
        word: What `required` of a field calls this: the mode, or `call`.
        fields: What a job may map columns to.
        cases: The calls a row leads to; for a mode the first is its own, the others come after it.
        success: Outcome of a record whose answer does not say more.
        spec: The object; None for a procedure.
        mode: The mode; None for a procedure.
        shapes: Shape -> fields, for everything nested in `fields`.
        by_id: Whether the file names records by their id.
    """

    name: str
    api: str
    word: str
    fields: Mapping[str, Field]
    cases: tuple[Case, ...]
    success: Outcome
    catalog: Catalog
    spec: ObjectSpec | None = None
    mode: Mode | None = None
    shapes: Shapes = field(default_factory=dict)
    by_id: bool = False

    def addressed(self, mapped: Collection[str]) -> Target:
        """The target for a file that maps these fields: records named by their id may need another operation."""
        mode, spec = self.mode, self.spec
        if mode is None or spec is None or spec.key not in mapped or not spec.known_by_id or self.word == "insert":
            return self
        if self.word == "upsert":
            return replace(self, mode=replace(mode, known=mode.by_id)) if mode.by_id else self
        if not mode.by_id:
            return replace(self, by_id=True)
        case = Case(operation=self._own(mode.by_id))
        own = replace(mode, operation=mode.by_id, options={}, options_at="", only="known")  # blank ids are looked up
        return replace(self, cases=(case, *self.cases[1:]), mode=own, by_id=True)

    @property
    def custom(self) -> Field | None:
        """The field that holds custom fields, if there is one."""
        return next((f for f in self.fields.values() if f.type == "custom"), None)

    @property
    def label(self) -> str:
        """`upsert contacts`, `call StartSequence`."""
        return f"{self.word} {self.name}"

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation that writes, the main one first."""
        labels = [case.operation for case in self.cases]
        if self.mode is not None and self.mode.known:
            labels.insert(1, self._own(self.mode.known))
        return tuple(self.catalog.operation(label) for label in dict.fromkeys(labels))

    @property
    def operation(self) -> Operation:
        """The main operation."""
        return self.operations[0]

    @property
    def known(self) -> Operation | None:
        """The operation for records Reply already holds, when it is another one."""
        known = self.mode.known if self.mode is not None else ""
        return self.catalog.operation(self._own(known)) if known else None

    def spec_of(self, operation: Operation) -> ObjectSpec:
        """The object of an operation."""
        return self.catalog.object(operation.object, operation.api)

    @property
    def danger(self) -> str:
        """What a person has to agree to first: `makes Reply write to real people`; "" when there is nothing."""
        if any(operation.sends for operation in self.operations):
            return "makes Reply write to real people"
        if any(operation.final for operation in self.operations):
            return "cannot be taken back"
        if self.mode is None and self.deletes:
            return "deletes at Reply; there is no undo"
        if any(operation.lifts for operation in (self.operations if self.mode is None else self.operations[:1])):
            return "lets Reply write to people it must not write to now"
        return ""

    @property
    def deletes(self) -> bool:
        """Whether records are gone after it."""
        if self.mode is not None:
            return self.success is Outcome.DELETED
        return any(one.method == "DELETE" or one.name == "bulk_delete" for one in self.operations)

    @property
    def reaches(self) -> bool:
        """Whether some of its calls reach people, so that it matters who must not be written to."""
        return any(one.reach is not None and not one.reach.crowd for one in self.operations)

    def needs(self, field: Field) -> bool:
        """Whether a row without the field is no use. A record named by its id keeps what the file does not say."""
        if self.by_id and self.spec is not None and (field.access != "key" or field.name in self._found_by):
            return False
        return self.word in field.required

    @cached_property
    def _found_by(self) -> set[str]:
        """Fields that only serve to find a record: they stand in no path."""
        spec = self.spec
        assert spec is not None
        in_path = {filler(spec, self.operation, parameter) for parameter in self.operation.parameters}
        return set(spec.natural_key) - in_path

    def _own(self, name: str) -> str:
        return f"{self.api}.{self.name}.{name}"


def object_target(catalog: Catalog, name: str, api: str, mode_name: str) -> Target:
    """An object in a mode.

    Raises:
        UsageProblem: There is no such object, or it cannot be done to it.
    """
    spec = catalog.object(name, api)
    mode = spec.modes.get(mode_name)
    if mode is None:
        hint = f"modes: {', '.join(spec.modes)}" if spec.modes else "it can only be read"
        raise UsageProblem(f"{spec.name} has no mode {mode_name!r}", hint=hint)
    fields = {f.name: f for f in spec.fields.values() if f.mappable}
    main = Case(operation=f"{api}.{name}.{mode.operation}")
    fields |= {n: f for n, f in catalog.operation(main.operation).inputs.items() if n not in fields}
    if mode_name != "insert" and spec.key not in spec.natural_key and not _takes_id(spec, mode):
        fields.pop(spec.key, None)
    return Target(
        name=name,
        api=api,
        word=mode_name,
        fields=fields,
        cases=(main, *mode.then),
        success=Outcome[mode.outcome.upper()],
        catalog=catalog,
        spec=spec,
        mode=mode,
        shapes=shapes_of(catalog, spec, fields),
    )


def _takes_id(spec: ObjectSpec, mode: Mode) -> bool:
    """Whether a record can be named by its id at all: some operations know records by their natural key only."""
    operations = (spec.operations[name] for name in (mode.operation, mode.known, mode.by_id) if name)
    return any(spec.key in inputs_of(spec, operation) for operation in operations)


def procedure_target(catalog: Catalog, procedure: Procedure) -> Target:
    """A procedure, or an operation as one.

    Raises:
        UsageProblem: A case names an operation there is none of.
    """
    operation = catalog.operation(procedure.cases[0].operation)
    spec = catalog.object(operation.object, operation.api)
    return Target(
        name=procedure.name,
        api=procedure.api,
        word=CALL,
        fields=procedure.parameters,
        cases=procedure.cases,
        success=Outcome.CALLED,
        catalog=catalog,
        shapes=shapes_of(catalog, spec, procedure.parameters),
    )


def shapes_of(catalog: Catalog, spec: ObjectSpec, fields: Mapping[str, Field]) -> dict[str, Mapping[str, Field]]:
    """Every shape that nested fields use, and those inside them: tables of the object, or other objects."""
    found: dict[str, Mapping[str, Field]] = {}
    waiting = [(spec, f) for f in fields.values() if f.type == "nested"]
    while waiting:
        owner, one = waiting.pop()
        if one.shape in found:
            continue
        if one.shape in owner.shapes:
            shape, inside = owner.shapes[one.shape], owner
        else:
            inside = catalog.object(one.shape, owner.api)
            shape = {f.name: f for f in inside.fields.values()}
        found[one.shape] = shape
        waiting += [(inside, f) for f in shape.values() if f.type == "nested"]
    return found


def tree_operation(catalog: Catalog, api: str, shape: str) -> Operation | None:
    """The operation that creates records of a nested shape when they form a tree, None when they do not."""
    if shape not in catalog.names(api):
        return None
    spec = catalog.object(shape, api)
    insert = spec.modes.get("insert")
    return spec.operations[insert.operation] if spec.parent and insert is not None else None
