"""Writes the sample files, the same bytes every time: `python samples/make_samples.py [FOLDER]`."""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import xlsxwriter

CONTACT_COLUMNS = (
    "Email", "First Name", "Last Name", "Company", "Title", "Phone", "City", "Country", "LinkedIn",
    "Employees", "Budget", "Region", "Lists", "Source", "My Comment", "Internal ID",
)  # fmt: skip
FIRST = (
    "Ada", "Björn", "Chidi", "Dana", "Elif", "Farid", "Grace", "Hana", "Ivo", "Jun", "Kamala", "Lars", "Mei", "Nuno",
    "Olga", "Priya", "Quentin", "Rosa", "Søren", "Tomás", "Uma", "Valérie", "Wojciech", "Ximena", "Yusuf", "Zoë",
    "李娜",
)  # fmt: skip
LAST = (
    "Aalto", "Berg", "Costa", "Dlamini", "Eriksen", "Fontaine", "Gupta", "Haas", "Ito", "Jansen", "Kovač", "López",
    "Müller", "Nguyen", "O'Brien", "Petrov", "Quist", "Rossi", "Smith", "Tanaka", "Usman", "Vogel", "Weiß", "Zhang",
)  # fmt: skip
COMPANIES = (
    "Nordwind GmbH", "Blue Harbour, Inc.", "Kestrel & Sons", "Tallgrass", "Meridian Labs", "Oakline Logistics",
    "Quarry Systems", "Saltmarsh Foods", "Vantage Optics", 'The "Paper" Mill', "Café Lumière", "Ashford Rail",
)  # fmt: skip
TITLES = ("Head of Sales", "Buyer", "Founder", "Operations Lead", "CFO", "Account Executive", "Marketing Manager")
PLACES = (
    ("Berlin", "Germany", "+49 30", "EMEA"), ("Lyon", "France", "+33 4", "EMEA"), ("Austin", "US", "+1 512", "AMER"),
    ("Osaka", "Japan", "+81 6", "APAC"), ("Porto", "Portugal", "+351 22", "EMEA"),
    ("Recife", "Brazil", "+55 81", "AMER"),
)  # fmt: skip
BANDS = ("1-10", "11-50", "51-200", "201-500", "501-1000", "1001-5000", "")
LISTS = ("Fair 2026", "Webinar", "Fair 2026;Webinar", "Newsletter", "")
SOURCES = ("Fair", "Webinar", "Referral", "Website")
COMMENTS = ("", "", "met at the stand", "call back in spring", "asked for a quote, wants a pilot", "prefers e-mail")


def ascii_name(text: str) -> str:
    """A name as it stands in an address."""
    table = str.maketrans("öøéüäčóëšžß", "ooeuacoeszs")
    kept = text.lower().translate(table).encode("ascii", "ignore").decode()
    return "".join(letter for letter in kept if letter.isalnum()) or "lina"


def contacts(count: int, seed: int) -> list[list[str]]:
    """Rows of CONTACT_COLUMNS; about one in forty is wrong on purpose."""
    chance = random.Random(seed)
    rows = []
    for number in range(1, count + 1):
        first, last, company = chance.choice(FIRST), chance.choice(LAST), chance.choice(COMPANIES)
        city, country, prefix, region = chance.choice(PLACES)
        domain = ascii_name(company.split()[0]) + chance.choice((".example.com", ".example.org", ".example.net"))
        name = f"{ascii_name(first)}.{ascii_name(last)}"
        rows.append([
            f"{name}{number}@{domain}", first, last, company, chance.choice(TITLES),
            f"{prefix} {chance.randrange(10**6, 10**7)}", city, country,
            f"https://www.linkedin.com/in/{name}-{number}" if chance.random() < 0.6 else "",
            chance.choice(BANDS), str(chance.randrange(1, 90) * 1000) if chance.random() < 0.7 else "", region,
            chance.choice(LISTS), chance.choice(SOURCES), chance.choice(COMMENTS), f"C-{number:05}",
        ])  # fmt: skip
    spoil(rows)
    return rows


def spoil(rows: list[list[str]]) -> None:
    """The mistakes that real files hold."""
    at = CONTACT_COLUMNS.index
    for number in (17, 211, 402, 655, 871):
        rows[number][at("First Name")] = ""
    for number in (33, 340, 702):
        rows[number][at("Email")] = rows[number][at("Email")].replace("@", " at ")
    rows[128][at("Email")] = rows[128][at("Email")].replace("@", "@@")
    rows[519][at("Email")] = ""
    for number, word in ((64, "lots"), (286, "some"), (733, "ca. 50")):
        rows[number][at("Employees")] = word
    for number, word in ((95, "12k"), (450, "tbd"), (812, "1.000.000")):
        rows[number][at("Budget")] = word
    for number, twin in ((150, 40), (480, 300), (660, 661), (990, 10)):
        rows[number][at("Email")] = rows[twin][at("Email")].upper()
    rows[57][at("My Comment")] = "first line\nsecond line"
    rows[58][at("My Comment")] = '=HYPERLINK("https://example.com","click")'
    rows[59][at("My Comment")] = 'said "maybe", then "yes"'


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """UTF-8, comma, LF."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_workbook(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """One sheet of text cells; nothing is a formula."""
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet("Contacts")
        for y, row in enumerate([columns, *rows]):
            for x, cell in enumerate(row):
                if cell:
                    sheet.write_string(y, x, cell)


def crm_rows(seed: int) -> list[list[str]]:
    """Contacts as a CRM exports them."""
    found = []
    for row in contacts(1000, seed)[:120]:
        cell = dict(zip(CONTACT_COLUMNS, row, strict=True))
        found.append([
            f"0035e{cell['Internal ID'][2:]}AAX", cell["First Name"], cell["Last Name"], cell["Email"], cell["Company"],
            cell["Title"], cell["Phone"], cell["City"], cell["Country"], "Open", "2026-02-11", "false",
        ])  # fmt: skip
    return found


def prospecting_rows(seed: int) -> list[list[str]]:
    """Contacts as a prospecting database exports them: plain numbers of employees, an e-mail status."""
    chance, found = random.Random(seed), []
    for row in contacts(1000, seed)[200:320]:
        cell = dict(zip(CONTACT_COLUMNS, row, strict=True))
        found.append([
            cell["First Name"], cell["Last Name"], cell["Title"], cell["Company"], cell["Email"],
            chance.choice(("Verified", "Verified", "Guessed")), "Manager", str(chance.choice((4, 23, 180, 950, 12000))),
            "logistics", cell["LinkedIn"].removeprefix("https://"), "'" + cell["Phone"], cell["City"], cell["Country"],
        ])  # fmt: skip
    return found


def address_book_rows(seed: int) -> list[list[str]]:
    """Contacts as an address book exports them."""
    found = []
    for row in contacts(1000, seed)[60:120]:
        cell = dict(zip(CONTACT_COLUMNS, row, strict=True))
        labels = " ::: ".join(["* myContacts", *filter(None, cell["Lists"].split(";"))])
        found.append([
            cell["First Name"], "", cell["Last Name"], cell["Company"], cell["Title"], "* Work", cell["Email"],
            "Mobile", cell["Phone"], cell["My Comment"], labels,
        ])  # fmt: skip
    return found


def main(folder: Path) -> None:
    """Writes everything."""
    rows = contacts(1000, 2026)
    write_csv(folder / "contacts.csv", CONTACT_COLUMNS, rows)
    write_workbook(folder / "contacts.xlsx", CONTACT_COLUMNS, rows)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(CONTACT_COLUMNS, pl.String), orient="row")
    frame = frame.with_columns(pl.when(pl.all() != "").then(pl.all()))
    frame.write_parquet(folder / "contacts.parquet")
    frame.write_ndjson(folder / "contacts.ndjson")
    crm = (
        "Contact ID", "First Name", "Last Name", "Email", "Account Name", "Title", "Phone", "Mailing City",
        "Mailing Country", "Lead Status", "Created Date", "Email Opt Out",
    )  # fmt: skip
    write_csv(folder / "crm_export.csv", crm, crm_rows(7))
    prospecting = (
        "First Name", "Last Name", "Title", "Company", "Email", "Email Status", "Seniority", "# Employees", "Industry",
        "Person Linkedin Url", "Corporate Phone", "City", "Country",
    )  # fmt: skip
    write_csv(folder / "prospecting_export.csv", prospecting, prospecting_rows(8))
    book = (
        "First Name", "Middle Name", "Last Name", "Organization Name", "Organization Title", "E-mail 1 - Label",
        "E-mail 1 - Value", "Phone 1 - Label", "Phone 1 - Value", "Notes", "Labels",
    )  # fmt: skip
    write_csv(folder / "address_book.csv", book, address_book_rows(9))
    write_csv(folder / "leavers.csv", ("Email",), [[row[0]] for row in rows[2:12]])
    write_csv(folder / "lists.csv", ("Name", "Shared"), [["Fair 2027", "yes"], ["Partners", "no"], ["", "no"]])
    write_csv(folder / "fields.csv", ("Title", "Type"), [["Tier", "text"], ["Seats", "number"], ["Colour", "rainbow"]])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
