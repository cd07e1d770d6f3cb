"""Templates and the shared page of V1 (v1-v2.md 9)."""

from __future__ import annotations

import uuid
from typing import Any

from bulkreply.sandbox.answers import Answer, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v1.bodies import number_in


def _kind(asking: Asking, template: Record) -> str:
    folder = asking.workspace.shelf("email_template_folders").get(template.get("folderId") or 0) or {}
    return str(template.get("folderType") or folder.get("folderType") or "personal").lower()


def _view(template: Record) -> dict[str, Any]:
    view = {name: template.get(name) or "" for name in ("name", "subject", "body")}
    return {"id": template["id"]} | view | {"categoryId": template.get("folderId")}


def list_templates(asking: Asking) -> Answer:
    """GET all, in three groups."""
    groups: dict[str, list[dict[str, Any]]] = {"userTemplates": [], "teamTemplates": [], "communityTemplates": []}
    for one in asking.workspace.shelf("email_templates"):
        groups["teamTemplates" if _kind(asking, one) == "team" else "userTemplates"].append(_view(one))
    return json_answer(200, groups)


def get_template(asking: Asking) -> Answer:
    """GET one."""
    found = asking.workspace.shelf("email_templates").get(number_in(asking.query.get("id")))
    if found is None:
        raise asking.v1_refused(404, "Template not found.")
    return json_answer(200, _view(found))


def shared_page(asking: Asking) -> Answer:
    """GET the address of the shared page, if it is on."""
    if asking.switches["v1.shared_page"] == "off":
        raise asking.v1_refused(403, "The shared page is off.")
    token = uuid.uuid5(uuid.NAMESPACE_OID, f"shared page of {asking.workspace.name}")
    return json_answer(200, {"url": f"{asking.base}/hosted/{token}"})


ROUTES = {
    "v1.templates.list": list_templates,
    "v1.templates.get": get_template,
    "v1.shared_page.get": shared_page,
}
