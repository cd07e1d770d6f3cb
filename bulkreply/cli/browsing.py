"""`objects` and `schema`: what Reply keeps, what can be done to it, and how sure that is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Column, Table

from bulkreply.catalog import Catalog, Field, ObjectSpec, Operation, Procedure
from bulkreply.catalog.inputs import CALL, inputs_of
from bulkreply.cli.show import data, emit, talk
from bulkreply.job.schema import json_schema


def objects(name: str | None, api: str, overlay: Path | None, as_json: bool, markdown: bool) -> int:
    """The catalog: all of it, one object, or one procedure."""
    catalog = Catalog(overlay)
    if markdown:
        data.print(table_as_markdown(catalog), markup=False)
    elif name is None:
        _show_all(catalog, as_json)
    elif name.lower() in {known.lower() for known in catalog.procedures()}:
        _show_procedure(catalog, catalog.procedure(name), as_json)
    else:
        _show_object(catalog.object(name, api), as_json)
    return 0


def schema(overlay: Path | None) -> int:
    """JSON Schema of job files."""
    catalog = Catalog(overlay)
    emit(json_schema(sorted({spec.name for spec in catalog if spec.modes}), sorted(catalog.procedures())))
    return 0


def table_as_markdown(catalog: Catalog) -> str:
    """Every object with what a job can do to it, as a table of README."""
    lines = ["| object | api | a job can | matched by | operations |", "|---|---|---|---|---|"]
    for spec in catalog:
        modes = ", ".join(spec.modes) or "call its operations"
        keys = ", ".join(dict.fromkeys([*spec.natural_key, spec.key]))
        lines.append(f"| {spec.name} | {spec.api} | {modes} | {keys} | {', '.join(spec.operations)} |")
    lines += ["", "| procedure | parameters | calls |", "|---|---|---|"]
    for procedure in catalog.procedures().values():
        parameters = ", ".join(_needed(one) for one in procedure.parameters.values())
        calls = ", ".join(dict.fromkeys(case.operation for case in procedure.cases))
        lines.append(f"| {procedure.name} | {parameters} | {calls} |")
    return "\n".join(lines)


def _needed(one: Field) -> str:
    return f"{one.name}*" if CALL in one.required else one.name


def _show_all(catalog: Catalog, as_json: bool) -> None:
    procedures = catalog.procedures().values()
    if as_json:
        found: list[dict[str, Any]] = [
            {"api": s.api, "object": s.name, "about": s.about, "modes": list(s.modes), "operations": list(s.operations)}
            for s in catalog
        ]
        emit([*found, *({"api": p.api, "procedure": p.name, "about": p.about} for p in procedures)])
        return
    table = Table("api", Column("object", overflow="fold"), "modes", "about", box=None)
    for spec in catalog:
        table.add_row(spec.api, spec.name, ", ".join(spec.modes) or "-", spec.about)
    data.print(table)
    named = Table("api", Column("procedure", overflow="fold"), "parameters", "about", box=None)
    for procedure in procedures:
        parameters = ", ".join(_needed(one) for one in procedure.parameters.values())
        named.add_row(procedure.api, procedure.name, parameters, procedure.about)
    data.print(named)
    talk.print("  next: bulkreply objects NAME   (parameters with * are needed)")


def _show_procedure(catalog: Catalog, procedure: Procedure, as_json: bool) -> None:
    if as_json:
        emit(asdict(procedure))
        return
    data.print(f"[bold]{procedure.name}[/bold] ({procedure.api}): {procedure.about}")
    if procedure.note:
        data.print(procedure.note, markup=False)
    data.print(_fields(list(procedure.parameters.values())))
    table = Table("when", "operation", "per call", "repeat", "trust", box=None)
    for case in procedure.cases:
        operation = catalog.operation(case.operation)
        when = ", ".join(f"{name}: {_condition(wanted)}" for name, wanted in case.when.items()) or "always"
        table.add_row(when, operation.label, _per_call(operation), operation.repeat, operation.mark)
    data.print(table)
    shown = " ".join(f"--{one.name} …" for one in procedure.parameters.values() if CALL in one.required)
    talk.print(f"  next: bulkreply call {procedure.name} {shown}", markup=False)


def _condition(wanted: Any) -> str:
    if isinstance(wanted, bool):
        return "given" if wanted else "blank"
    if isinstance(wanted, dict):
        return " ".join(f"{word} {', '.join(values)}" for word, values in wanted.items())
    return " or ".join(wanted)


def _show_object(spec: ObjectSpec, as_json: bool) -> None:
    if as_json:
        words = asdict(spec)
        for name, operation in spec.operations.items():
            words["operations"][name]["takes"] = {n: asdict(f) for n, f in inputs_of(spec, operation).items()}
        emit(words)
        return
    data.print(f"[bold]{spec.name}[/bold] ({spec.api}): {spec.about}")
    data.print(f"matched by {', '.join(spec.natural_key) or spec.key}; modes: {', '.join(spec.modes) or 'none'}")
    data.print(_fields(list(spec.fields.values())))
    for shape, fields in spec.shapes.items():
        data.print(f"inside [bold]{shape}[/bold]:")
        data.print(_fields(list(fields.values())))
    operations = Table("operation", "call", "takes", "per call", "repeat", "rate", "trust", "notes", box=None)
    for one in spec.operations.values():
        takes = "the record" if one.carries == "record" else ", ".join(map(_needed, inputs_of(spec, one).values()))
        call = f"{one.method} {one.path}"
        operations.add_row(one.name, call, takes, _per_call(one), one.repeat, one.rate_class, one.mark, _notes(one))
    data.print(operations)


def _notes(operation: Operation) -> str:
    sends, final = "writes to people" if operation.sends else "", "final" if operation.final else ""
    return "; ".join(filter(None, (sends, final, operation.note)))


def _per_call(operation: Operation) -> str:
    if operation.paging.page_max:
        return f"{operation.paging.page_max} read"
    batch = operation.batch
    if batch is None:
        return "1"
    return "all of one target" if batch.whole else f"{batch.start} (up to {batch.max})"


def _fields(fields: list[Field]) -> Table:
    table = Table(Column("field", overflow="fold"), "type", "access", "needed to", "trust", "notes", box=None)
    for field in fields:
        kind = f"{field.type} of {field.shape}" if field.shape else field.type
        kind = f"{field.object} ({' or '.join(('id', *field.by))})" if field.object else kind
        access = {"both": "read, write", "key": "names a record"}.get(field.access, field.access)
        needed = [*field.required, *(f"{other} {'/'.join(words)}" for other, words in field.needed_when.items())]
        values = f"one of {', '.join(field.values)}" if field.values else ""
        notes = "; ".join(filter(None, (field.about, values, f"default {field.default}" if field.default else "")))
        several = "several " if field.many else ""
        table.add_row(field.name, several + kind, access, ", ".join(needed), field.mark, notes)
    return table
