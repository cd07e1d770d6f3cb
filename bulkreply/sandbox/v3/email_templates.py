"""E-mail templates and their folders (v3-senders-templates-schedules.md 3)."""

from __future__ import annotations

import re
from typing import Any

from bulkreply.sandbox.answers import Answer, Refused, json_answer
from bulkreply.sandbox.asking import Asking
from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.plain import Kind, Problems, Route, done
from bulkreply.sandbox.shelf import Record
from bulkreply.sandbox.v3.bodies import Body, moment, spelled
from bulkreply.sandbox.vocabulary import V3_TEXTS

FOLDER_TYPES = ("personal", "team")
MOST_ATTACHMENTS = 3
_VARIABLE = re.compile(r"{{\s*(\w+)\s*}}")
_REPLACED = ("name", "body", "subject", "attachmentIds")


def _folder(asking: Asking, number: int | None, kind: str | None) -> Record | None:
    """The folder with an id; ids count within a type only (guess), so a wrong type is a wrong folder."""
    found = asking.workspace.shelf("email_template_folders").get(number or 0)
    return found if found is not None and kind in (None, found.get("folderType")) else None


def _check(asking: Asking, content: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    body = Body(asking, content)
    now = moment(asking.now_s)
    values: Record = {
        "name": body.text("name", needed=True, most=255),
        "body": body.text("body", needed=True),
        "subject": body.text("subject"),
        "attachmentIds": body.ids("attachmentIds", MOST_ATTACHMENTS),
        "updatedAt": now,
    }
    if before is None:
        kind = body.word("folderType", FOLDER_TYPES, needed=True)
        number = body.whole("folderId", 1, 2**31 - 1)
        if number is not None and _folder(asking, number, kind) is None:
            body.wrong("folderId", "No such folder.")
        values |= {"folderType": kind, "folderId": number, "createdAt": now}
    else:
        body.known("email_templates.update", _REPLACED)
    return values, body.problems


def _attachment(asking: Asking, number: int) -> dict[str, Any]:
    """Files come from elsewhere: one that nobody put on the shelf gets a name."""
    known = asking.workspace.shelf("attachments").get(number) or {}
    return {"id": number, "fileName": known.get("fileName", f"file-{number}.pdf"), "size": known.get("size", 1024)}


def _view(asking: Asking, template: Record) -> dict[str, Any]:
    return {
        "id": template["id"],
        "name": template["name"],
        "subject": template.get("subject"),
        "body": template.get("body", ""),
        "folderId": template.get("folderId"),
        "folderType": spelled(asking, template.get("folderType")),
        "attachments": [_attachment(asking, number) for number in template.get("attachmentIds") or ()],
        "createdAt": template.get("createdAt"),
        "updatedAt": template.get("updatedAt"),
    }


KIND = Kind(
    name="email_templates",
    code="emailTemplate",
    keys=frozenset({*_REPLACED, "folderId", "folderType"}),
    check=_check,
    view=_view,
)


def move(asking: Asking) -> Answer:
    """POST move: the only way to another folder."""
    template = KIND.found(asking)
    body = Body(asking, asking.mapping())
    body.known("email_templates.move", ("folderId", "folderType"))
    number = body.whole("folderId", 1, 2**31 - 1, needed=True)
    kind = body.word("folderType", FOLDER_TYPES, needed=True)
    body.refuse()
    if _folder(asking, number, kind) is None:
        raise asking.not_found("emailTemplateFolder.notFound", "folder")
    template |= {"folderId": number, "folderType": kind, "updatedAt": moment(asking.now_s)}
    KIND.note(asking, "move", [template["id"]], [Effect.UPDATED])
    return json_answer(200, _view(asking, template))


def clone(asking: Asking) -> Answer:
    """POST clone: a copy in the same folder."""
    template, now = KIND.found(asking), moment(asking.now_s)
    copy = {name: value for name, value in template.items() if name != "id"}
    made = KIND.shelf(asking).add(copy | {"name": f"{template['name']} (copy)", "createdAt": now, "updatedAt": now})
    KIND.note(asking, "clone", [made["id"]], [Effect.CREATED])
    return json_answer(int(asking.switches["v3.create_status"]), _view(asking, made))


def render(asking: Asking) -> Answer:
    """POST render: variables filled in from a contact; it changes nothing."""
    template = KIND.found(asking)
    body = Body(asking, asking.mapping())
    body.known("email_templates.render", ("contactId", "sequenceId", "emailAccountId"))
    number = body.whole("contactId", 1, 2**31 - 1)
    for name, shelf, most in (("sequenceId", "sequences", 2**31 - 1), ("emailAccountId", "email_accounts", 2**63 - 1)):
        other = body.whole(name, 1, most)
        if other is not None and other not in asking.workspace.shelf(shelf):
            body.wrong(name, "There is none.")
    contact = asking.workspace.contacts.get(number or 0)
    if number is not None and contact is None:
        body.wrong("contactId", "There is none.")
    body.refuse()
    fields = {name.lower(): str(value) for name, value in (contact.fields if contact else {}).items()}

    def filled(text: str | None) -> str:
        return _VARIABLE.sub(lambda match: fields.get(match[1].lower(), ""), text or "")

    return json_answer(200, {"subject": filled(template.get("subject")), "body": filled(template.get("body"))})


def send_test(asking: Asking) -> Answer:
    """POST send-test: a letter that nobody in a sequence gets."""
    template = KIND.found(asking)
    body = Body(asking, asking.mapping())
    body.known("email_templates.send_test", ("email", "emailAccountId"))
    body.address("email", needed=True)
    number = body.whole("emailAccountId", 1, 2**63 - 1)
    if number is not None and number not in asking.workspace.shelf("email_accounts"):
        body.wrong("emailAccountId", "There is none.")
    body.refuse()
    KIND.note(asking, "send_test", [template["id"]], [Effect.UPDATED])
    return done(asking)


def list_variables(asking: Asking) -> Answer:
    """GET variables: one object."""
    custom = [field.title for field in asking.workspace.fields.values()]
    return json_answer(200, {"contact": sorted(V3_TEXTS), "customFields": custom})


def _check_folder(asking: Asking, content: dict[str, Any], before: Record | None) -> tuple[Record, Problems]:
    body = Body(asking, content)
    name = body.text("name", needed=True)
    kind = body.word("folderType", FOLDER_TYPES, needed=before is None)
    return {"name": name, "folderType": kind or (before or {}).get("folderType")}, body.problems


def _view_folder(asking: Asking, folder: Record) -> dict[str, Any]:
    kind = spelled(asking, folder.get("folderType"))
    return {"id": folder["id"], "name": folder["name"], "folderType": kind}


def _letters_of(asking: Asking, folder: Record) -> list[Record]:
    return KIND.shelf(asking).where(folderId=folder["id"])


def _folder_gone(asking: Asking, folder: Record) -> None:
    for template in _letters_of(asking, folder):
        template["folderId"] = None


FOLDERS = Kind(
    name="email_template_folders",
    code="emailTemplateFolder",
    keys=frozenset({"name", "folderType"}),
    check=_check_folder,
    view=_view_folder,
    bare=True,
    gone=_folder_gone,
)


def share(asking: Asking) -> Answer:
    """POST share: the folder and what is in it are the team's."""
    folder = FOLDERS.found(asking)
    for record in (folder, *_letters_of(asking, folder)):
        record["folderType"] = "team"
    FOLDERS.note(asking, "share", [folder["id"]], [Effect.UPDATED])
    return done(asking)


def _if_there(route: Route) -> Route:
    """A route that nobody has seen: it may be missing."""

    def answer(asking: Asking) -> Answer:
        position = asking.switches["v3.template_folder_writes"]
        if position != "present":
            raise Refused(Answer(int(position), headers={"Allow": "GET"} if position == "405" else {}))
        return route(asking)

    return answer


def update_folder(asking: Asking) -> Answer:
    """PUT a folder: what is in it changes its type with it."""
    answer = FOLDERS.update(asking)
    folder = FOLDERS.found(asking)
    for template in _letters_of(asking, folder):
        template["folderType"] = folder["folderType"]
    return answer


ROUTES: dict[str, Route] = {
    "v3.email_templates.list": KIND.list,
    "v3.email_templates.get": KIND.get,
    "v3.email_templates.create": KIND.create,
    "v3.email_templates.update": KIND.update,
    "v3.email_templates.delete": KIND.delete,
    "v3.email_templates.clone": clone,
    "v3.email_templates.move": move,
    "v3.email_templates.render": render,
    "v3.email_templates.send_test": send_test,
    "v3.email_templates.list_variables": list_variables,
    "v3.email_template_folders.list": FOLDERS.list,
    "v3.email_template_folders.get": FOLDERS.get,
    "v3.email_template_folders.create": FOLDERS.create,
    "v3.email_template_folders.update": _if_there(update_folder),
    "v3.email_template_folders.delete": _if_there(FOLDERS.delete),
    "v3.email_template_folders.share": share,
}
