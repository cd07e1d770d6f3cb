"""JSON Schema of job files, for editors."""

from __future__ import annotations

import ast
import inspect
import itertools
from typing import Any

from bulkreply.job import model


def json_schema(objects: list[str], procedures: list[str]) -> dict[str, Any]:
    """JSON Schema of job files, with the objects and procedures of the catalog."""
    schema = model.JobFile.model_json_schema(by_alias=True)
    _describe(schema)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "bulkreply job"
    target = schema["$defs"]["To"]["properties"]
    target["object"]["anyOf"][0]["enum"] = objects
    target["procedure"]["anyOf"][0] = {"anyOf": [{"enum": procedures}, {"type": "string", "pattern": "\\."}]}
    return schema


def _describe(schema: dict[str, Any]) -> None:
    """Puts the words under each key of the models into a schema; pydantic would read them at every start."""
    parts = {"JobFile": schema, **schema["$defs"]}
    for made in ast.parse(inspect.getsource(model)).body:
        if not isinstance(made, ast.ClassDef) or made.name not in parts:
            continue
        fields = vars(model)[made.name].model_fields
        for key, words in itertools.pairwise(made.body):
            match key, words:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    properties, key_name = parts[made.name]["properties"], fields[name].alias or name
                    described = properties[key_name] | {"description": inspect.cleandoc(text)}
                    properties[key_name] = dict(sorted(described.items()))
