"""Files the benches read: as many rows as asked, 15 columns, made once and kept between rounds."""

from __future__ import annotations

import json
from pathlib import Path

COLUMNS = (
    "Email", "First Name", "Last Name", "Title", "Company", "City", "State", "Country", "Industry", "Phone",
    "Employees", "LinkedIn", "Notes", "Region", "Internal ID",
)  # fmt: skip
SIZES = ("SelfEmployed", "Ten", "Fifty", "TwoHundred", "FiveHundred")
FIELDS = {
    "email": "Email",
    "firstName": "First Name",
    "lastName": "Last Name",
    "title": "Title",
    "company": "Company",
    "city": "City",
    "state": "State",
    "country": "Country",
    "industry": "Industry",
    "phone": "Phone",
    "companySize": "Employees",
    "linkedInUrl": "LinkedIn",
    "notes": "Notes",
    "customFields.Region": "Region",
}

PEOPLE = {
    field: FIELDS[field]
    for field in ("email", "firstName", "lastName", "title", "company", "city", "country", "phone", "notes")
}


def row(number: int) -> tuple[str, ...]:
    """The cells of a row."""
    return (
        f"person{number}@example.com", f"First{number % 997}", f"Last{number % 1009}", "Head of Sales",
        f"Company {number % 5003}", "Berlin", "BE", "Germany", "Software", f"+49 30 {number % 1000000:06}",
        SIZES[number % 5], f"https://www.linkedin.com/in/person{number}", "met at the fair", "West", str(number),
    )  # fmt: skip


def contacts_csv(folder: Path, rows: int) -> Path:
    """A file of so many contacts."""
    path = folder / f"contacts-{rows}.csv"
    if not path.exists():
        with path.open("w", encoding="utf-8") as out:
            out.write(",".join(COLUMNS) + "\n")
            out.writelines(",".join(row(number)) + "\n" for number in range(rows))
    return path


def record(cells: dict[str, str]) -> dict[str, object]:
    """What a person writing by hand makes of a row."""
    made: dict[str, object] = {
        field: cells[column] for field, column in FIELDS.items() if "." not in field and cells[column]
    }
    if cells["Region"]:
        made["customFields"] = [{"name": "Region", "value": cells["Region"]}]
    return made


def job(folder: Path, file: Path, per_call: int = 100) -> Path:
    """Our job for the same work."""
    rules = "".join(f"  {field}: {column}\n" for field, column in FIELDS.items())
    path = folder / f"import-{file.stem}-{per_call}.yaml"
    path.write_text(
        f"job: bench\nfrom: {{file: {file}}}\nto: {{object: contacts, batch: {per_call}}}\nmap:\n{rules}"
        "ignore: [Internal ID]\n",
        "utf-8",
    )
    return path


def bodies(folder: Path, file: Path, per_call: int = 100) -> Path:
    """The bodies of all calls, one a line, for whoever only sends."""
    import csv

    path = folder / f"bodies-{file.stem}-{per_call}.ndjson"
    if not path.exists():
        with file.open(encoding="utf-8", newline="") as rows, path.open("w", encoding="utf-8") as out:
            held: list[dict[str, object]] = []
            for cells in csv.DictReader(rows):
                held.append(record(cells))
                if len(held) == per_call:
                    out.write(_body(held))
                    held = []
            if held:
                out.write(_body(held))
    return path


def people_job(folder: Path, file: Path) -> Path:
    """Our job for single people of V1."""
    rules = "".join(f"  {field}: {column}\n" for field, column in PEOPLE.items())
    rest = ", ".join(column for column in COLUMNS if column not in PEOPLE.values())
    path = folder / f"people-{file.stem}.yaml"
    words = f"job: people\nfrom: {{file: {file}}}\nto: {{object: people, api: v1}}\nmap:\n{rules}ignore: [{rest}]\n"
    path.write_text(words, "utf-8")
    return path


def people(folder: Path, file: Path) -> Path:
    """The bodies of calls on single people, one a line."""
    import csv

    path = folder / f"people-{file.stem}.ndjson"
    if not path.exists():
        with file.open(encoding="utf-8", newline="") as rows, path.open("w", encoding="utf-8") as out:
            for cells in csv.DictReader(rows):
                made = {field: cells[column] for field, column in PEOPLE.items()}
                out.write(json.dumps(made, separators=(",", ":")) + "\n")
    return path


def _body(items: list[dict[str, object]]) -> str:
    return json.dumps({"items": items, "options": {"overwriteExisting": True}}, separators=(",", ":")) + "\n"
