"""Writes the sample files, the same bytes every time: `python samples/make_samples.py [FOLDER]`.

People and companies are invented. Addresses end in example.com, example.org or example.net, phone numbers lie in ranges
kept for fiction or contain 555. Row numbers below are those a spreadsheet shows: the header is row 1.
"""

from __future__ import annotations

import csv
import random
import sys
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl
import xlsxwriter

Row = dict[str, str]


class Place(NamedTuple):
    """Where people live, and how they and their companies are called. `田中=tanaka` adds the spelling in addresses."""

    country: str
    region: str
    phone: str
    form: str
    cities: str
    first: str
    last: str


class Company(NamedTuple):
    """An employer: all its people share place, size and the way addresses are made."""

    name: str
    domain: str
    place: Place
    city: str
    band: str
    pattern: str


PLACES = (
    Place("Germany", "EMEA", "+49 30 23125 ###", " GmbH", "Berlin,Leipzig,Köln", "Jörg,Anke,Lukas,Änne,Fatma,Sören",
          "Müller,Weiß,Haas,Vogel,Schäfer,Yılmaz"),
    Place("France", "EMEA", "+33 1 99 00 ## ##", " SAS", "Lyon,Nantes,Saint-Étienne", "Valérie,Loïc,Zoé,Benoît,Aïcha",
          "Fontaine,Lefèvre,D'Arcy,Rousseau,Traoré"),
    Place("United Kingdom", "EMEA", "+44 20 7946 0###", " Ltd", "London,Leeds,Glasgow", "Grace,Callum,Priya,Owen,Ada",
          "O'Brien,Ashworth,Patel,McAllister,Okafor-Reid"),
    Place("Sweden", "EMEA", "+46 8 465 004 ##", " AB", "Malmö,Göteborg,Umeå", "Björn,Åsa,Lars,Märta,Elin",
          "Ekström,Berg,Sjöberg,Lindqvist"),
    Place("Poland", "EMEA", "+48 22 555 ## ##", " Sp. z o.o.", "Łódź,Kraków,Gdańsk", "Wojciech,Łucja,Zofia,Michał",
          "Wójcik,Kowalska,Dąbrowski,Żak"),
    Place("Spain", "EMEA", "+34 91 555 ## ##", ", S.L.", "Málaga,Bilbao,A Coruña", "Íñigo,María José,Lucía,Tomás",
          "López García,Núñez,Ibáñez,de la Fuente"),
    Place("Portugal", "EMEA", "+351 22 555 ####", ", Lda.", "Porto,Évora,Braga", "Nuno,Inês,João,Conceição",
          "Magalhães,Costa,Simões,Conceição"),
    Place("Greece", "EMEA", "+30 21 0555 ####", " A.E.", "Athens,Thessaloniki,Patras", "Ελένη=eleni,Νίκος=nikos,Maria",
          "Παπαδοπούλου=papadopoulou,Vlachos,Δήμου=dimou"),
    Place("Bulgaria", "EMEA", "+359 2 555 ####", " OOD", "Sofia,Plovdiv,Varna", "Милена=milena,Ivo,Георги=georgi",
          "Петрова=petrova,Dimitrov,Стоянов=stoyanov"),
    Place("Nigeria", "EMEA", "+234 1 555 ####", " Limited", "Lagos,Abuja,Ibadan", "Chidi,Ọláolú=olaolu,Ngozi,Yusuf",
          "Adébáyọ̀=adebayo,Okonkwo,Usman,Eze"),
    Place("United States", "AMER", "+1 512 555 01##", ", Inc.", "Austin,Portland,Des Moines", "Dana,Marcus,Mei,Ximena",
          "Smith,Johnson,Nguyen,De León,van der Berg"),
    Place("Canada", "AMER", "+1 514 555 01##", " Inc.", "Montréal,Calgary,Halifax", "Amélie,Kofi,Harpreet,Noah",
          "Tremblay,Singh,Bélanger,MacDonald"),
    Place("Brazil", "AMER", "+55 81 5550 ####", " Ltda.", "Recife,São Paulo,Goiânia", "Rosa,Luís,Íris,Thiago,Antônia",
          "da Conceição,Araújo,Gonçalves,Sato"),
    Place("Mexico", "AMER", "+52 55 5550 ####", " S.A. de C.V.", "Mérida,Querétaro,León", "Guadalupe,Andrés,Sofía",
          "Peña,Hernández,Ramírez,Zúñiga"),
    Place("Japan", "APAC", "+81 6 5550 ####", " K.K.", "Osaka,Kyoto,Sapporo", "美咲=misaki,Hana,健太=kenta,Jun",
          "田中=tanaka,Ito,佐藤=sato,Yamamoto"),
    Place("South Korea", "APAC", "+82 2 555 ####", " Co., Ltd.", "Seoul,Busan,Daegu", "민지=minji,Jisoo,서준=seojun",
          "김=kim,Park,이=lee"),
    Place("China", "APAC", "+86 21 5550 ####", " Co., Ltd.", "Shanghai,Chengdu,Xiamen", "娜=na,Wei,晓明=xiaoming",
          "李=li,Zhang,王=wang"),
    Place("India", "APAC", "+91 80 5555 ####", " Pvt. Ltd.", "Bengaluru,Pune,Kochi", "Kamala,Arjun,Sneha,Farid",
          "Gupta,Iyer,Nair,Sharma"),
    Place("Australia", "APAC", "+61 2 7010 ####", " Pty Ltd", "Sydney,Hobart,Perth", "Isla,Jack,Thi Mai,Ruby",
          "Taylor,Nguyen,O'Connor,Papas"),
)  # fmt: skip
STEMS = (
    "Nordwind", "Blue Harbour", "Kestrel & Sons", "Tallgrass", "Meridian", "Oakline", "Quarry", "Saltmarsh", "Vantage",
    'The "Paper" Mill', "Café Lumière", "Ashford", "Brightwater", "Copperleaf", "Dovetail", "Eastgate", "Fernhill",
    "Granite", "Highfold", "Ironbridge", "Juniper", "Lanternfish", "Møllehus", "Nine Elms", "Orchard", "Peregrine",
    "Quillstone", "Redwick", "Silverbirch", "Tidewater",
)  # fmt: skip
TRADES = ("Logistics", "Optics", "Foods", "Software", "Rail", "Textiles", "Energy", "Analytics", "Health", "Packaging")
TITLES = (
    "Head of Sales", "Buyer", "Founder", "Operations Lead", "CFO", "Account Executive", "VP, Marketing",
    "Office Manager", "IT Director", "Procurement Specialist", "Head of R&D", "Managing Director",
)  # fmt: skip
BANDS = {"1-10": 7, "11-50": 34, "51-200": 140, "201-500": 310, "501-1000": 820, "1001-5000": 2600, "10001+": 18400}
LISTS = ("Fair 2026", "Webinar", "Newsletter", "Fair 2026;Webinar", "Webinar;Newsletter", "")
SOURCES = ("Fair", "Webinar", "Referral", "Website", "Cold call")
COMMENTS = (
    "", "", "", "met at the stand", "call back in spring", "asked for a quote, wants a pilot", "prefers e-mail",
    "déjà client en 2024", 'said "maybe"', "assistant: ext. 12",
)  # fmt: skip
CONTACT_COLUMNS = (
    "Email", "First Name", "Last Name", "Company", "Title", "Phone", "City", "Country", "LinkedIn",
    "Employees", "Budget", "Region", "Lists", "Source", "My Comment", "Internal ID",
)  # fmt: skip
CRM_COLUMNS = (
    "Contact ID", "First Name", "Last Name", "Title", "Email", "Phone", "Mobile", "Account Name", "Mailing Street",
    "Mailing City", "Mailing Country", "Lead Source", "Contact Owner", "Created Date", "Email Opt Out",
)  # fmt: skip
PROSPECTING_COLUMNS = (
    "First Name", "Last Name", "Title", "Company", "Email", "Email Status", "Seniority", "# Employees", "Industry",
    "Person Linkedin Url", "Website", "Corporate Phone", "City", "Country",
)  # fmt: skip
ADDRESS_BOOK_COLUMNS = (
    "First Name", "Middle Name", "Last Name", "Nickname", "Organization Name", "Organization Title", "Birthday",
    "Notes", "Labels", "E-mail 1 - Label", "E-mail 1 - Value", "Phone 1 - Label", "Phone 1 - Value",
)  # fmt: skip


def spelled(name: str) -> tuple[str, str]:
    """A name as it is written, and as it stands in an address."""
    written, _, latin = name.partition("=")
    plain = (latin or written).lower().translate({ord("ø"): "o", ord("ł"): "l", ord("ß"): "ss", ord("ı"): "i"})
    plain = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return written, "".join(letter for letter in plain if letter.isalnum())


def companies(chance: random.Random) -> list[Company]:
    """Four companies of every stem, each with a web domain of its own."""
    made = []
    for stem in STEMS:
        for trade in chance.sample(TRADES, 4):
            place = chance.choice(PLACES)
            domain = f"{spelled(stem)[1]}-{trade.lower()}.example.{chance.choice(('com', 'org', 'net'))}"
            pattern = chance.choice(("{first}.{last}", "{first}", "{initial}.{last}", "{last}"))
            city, band = chance.choice(place.cities.split(",")), chance.choice(list(BANDS))
            made.append(Company(f"{stem} {trade}{place.form}", domain, place, city, band, pattern))
    return made


def contacts(count: int, seed: int) -> list[Row]:
    """Rows of CONTACT_COLUMNS, all of them right."""
    chance = random.Random(seed)
    employers = companies(chance)
    taken: set[str] = set()
    rows = []
    for number in range(1, count + 1):
        company = chance.choice(employers)
        place = company.place
        first, first_plain = spelled(chance.choice(place.first.split(",")))
        last, last_plain = spelled(chance.choice(place.last.split(",")))
        name = company.pattern.format(first=first_plain, last=last_plain, initial=first_plain[0])
        numbered = (f"{name}{i}@{company.domain}" for i in range(2, count))
        email = next(one for one in (f"{name}@{company.domain}", *numbered) if one not in taken)
        taken.add(email)
        phone = "".join(str(chance.randrange(10)) if sign == "#" else sign for sign in place.phone)
        values = (
            email, first, last, company.name, chance.choice(TITLES),
            phone if chance.random() < 0.9 else "", company.city, place.country,
            f"https://www.linkedin.com/in/{first_plain}-{last_plain}-{number}" if chance.random() < 0.6 else "",
            company.band if chance.random() < 0.85 else "",
            str(chance.randrange(1, 90) * 1000) if chance.random() < 0.7 else "", place.region,
            chance.choice(LISTS), chance.choice(SOURCES), chance.choice(COMMENTS), f"C-{number:05}",
        )  # fmt: skip
        rows.append(dict(zip(CONTACT_COLUMNS, values, strict=True)))
    return rows


def put(rows: list[Row], column: str, changes: dict[int, str]) -> None:
    """Overwrites cells, by row number; `{}` in the new text stands for the old one."""
    for number, text in changes.items():
        rows[number - 2][column] = text.replace("{}", rows[number - 2][column])


def repeat_address(rows: list[Row], column: str, twins: dict[int, int]) -> None:
    """Gives a row the address of another one, shouted."""
    for number, twin in twins.items():
        rows[number - 2][column] = rows[twin - 2][column].upper()


def sample_contacts() -> list[Row]:
    """The 1,000 contacts: 19 rows are wrong, 5 repeat an address, a few are right and only look odd."""
    rows = contacts(1000, 2026)
    put(rows, "First Name", dict.fromkeys((19, 213, 404, 657, 873), ""))
    for number in (35, 342, 704):
        rows[number - 2]["Email"] = rows[number - 2]["Email"].replace("@", " at ")
    put(rows, "Email", {130: "{}@example.com", 268: "info@@example.org", 521: "", 615: "{};{}"})
    put(rows, "Employees", {66: "lots", 288: "some", 735: "ca. 50"})
    put(rows, "Budget", {97: "12k", 452: "tbd", 657: "on request", 814: "1.000.000"})
    put(rows, "LinkedIn", {178: "ask reception"})
    repeat_address(rows, "Email", {152: 42, 482: 302, 662: 663, 900: 901, 992: 12})
    put(rows, "Email", {70: " {} "})
    put(rows, "My Comment", {59: "first line\nsecond line", 61: 'said "maybe", then "yes"; 50 % off?'})
    put(rows, "My Comment", {60: '=HYPERLINK("https://example.com","click")', 62: "-- do not call --", 63: "@home"})
    return rows


def crm_export() -> list[Row]:
    """Contacts as a CRM exports them: ids of its own, two phones, an opt-out, addresses missing here and there."""
    chance, rows = random.Random(7), []
    for cell in contacts(150, 7):
        created = date(2024, 1, 8) + timedelta(days=chance.randrange(700))
        street = f"{chance.randrange(1, 200)} {chance.choice(('Station Road', 'High Street', 'Mill Lane'))}"
        values = (
            f"0037{chance.randrange(36**8):011d}AAX", cell["First Name"], cell["Last Name"], cell["Title"],
            cell["Email"], cell["Phone"], "" if chance.random() < 0.7 else cell["Phone"][:-2] + "99", cell["Company"],
            street, cell["City"], cell["Country"], cell["Source"],
            chance.choice(("Dana Fox", "Sam Reed")), f"{created:%Y-%m-%d}", "0",
        )  # fmt: skip
        rows.append(dict(zip(CRM_COLUMNS, values, strict=True)))
    put(rows, "Email", {14: "", 47: "", 88: "", 121: "", 33: "n/a", 102: "{}, office@example.com"})
    put(rows, "First Name", {25: "", 71: "", 140: ""})
    put(rows, "Email Opt Out", dict.fromkeys((9, 52, 97, 133), "1"))
    put(rows, "Mailing Street", {18: "Unit 4\n12 Mill Lane"})
    repeat_address(rows, "Email", {60: 20, 110: 111})
    return rows


def prospecting_export() -> list[Row]:
    """Contacts as a prospecting database exports them: plain numbers of employees, addresses verified or guessed."""
    chance, rows = random.Random(8), []
    for cell in contacts(120, 8):
        values = (
            cell["First Name"], cell["Last Name"], cell["Title"], cell["Company"], cell["Email"], "Verified",
            chance.choice(("Manager", "Director", "C suite", "Entry")),
            str(BANDS[cell["Employees"]]) if cell["Employees"] else "",
            chance.choice(("logistics & supply chain", "textiles", "computer software", "food production")),
            cell["LinkedIn"].replace("https://www.", "http://www."), f"http://www.{cell['Email'].partition('@')[2]}",
            f"'{cell['Phone']}" if cell["Phone"] else "", cell["City"], cell["Country"],
        )  # fmt: skip
        rows.append(dict(zip(PROSPECTING_COLUMNS, values, strict=True)))
    put(rows, "Email Status", dict.fromkeys((5, 23, 31, 48, 56, 64, 79, 90, 101, 117), "Guessed"))
    put(rows, "Email Status", dict.fromkeys((12, 68, 95), "Unavailable"))
    put(rows, "Email", dict.fromkeys((12, 68, 95), ""))
    put(rows, "First Name", {37: "", 84: ""})
    put(rows, "# Employees", {16: "unknown", 27: "1,250", 73: "51-200"})
    repeat_address(rows, "Email", {111: 44})
    return rows


def address_book() -> list[Row]:
    """Contacts as an address book exports them: labels in one cell, private people, entries without an address."""
    chance, rows = random.Random(9), []
    for cell in contacts(60, 9):
        labels = " ::: ".join(["* myContacts", *filter(None, cell["Lists"].split(";"))])
        values = (
            cell["First Name"], chance.choice(("", "", "", "Kay")), cell["Last Name"], "", cell["Company"],
            cell["Title"], "", cell["My Comment"], labels, "* Work", cell["Email"], "Mobile" if cell["Phone"] else "", cell["Phone"],
        )  # fmt: skip
        rows.append(dict(zip(ADDRESS_BOOK_COLUMNS, values, strict=True)))
    put(rows, "E-mail 1 - Value", {11: "", 28: "", 45: "", 39: "{} ::: private@example.net"})
    put(rows, "First Name", {20: "", 53: ""})
    put(rows, "Labels", {7: "* myContacts ::: * starred", 33: "* starred ::: Newsletter ::: * myContacts"})
    put(rows, "Birthday", {15: "1984-02-29", 41: " --05-17"})
    put(rows, "Notes", {16: "Line one\nLine two"})
    put(rows, "Organization Name", {24: "", 50: ""})
    repeat_address(rows, "E-mail 1 - Value", {57: 30})
    return rows


def changes(rows: Sequence[Row]) -> list[Row]:
    """News about some of the contacts; `<clear>` empties a field."""
    found = [{name: row[name] for name in ("Email", "First Name", "Title", "City")} for row in rows[100:125]]
    put(found, "Title", {4: "<clear>", 9: "Chief Executive", 15: "<clear>"})
    put(found, "City", {6: "Lisbon", 18: "<clear>"})
    put(found, "Email", {26: "stranger@example.org"})
    return found


def leavers(rows: Sequence[Row]) -> list[Row]:
    """Addresses to be deleted."""
    found = [{"Email": row["Email"], "Left On": f"2026-0{i % 9 + 1}-15"} for i, row in enumerate(rows[200:210])]
    put(found, "Email", {8: "gone at example.com"})
    repeat_address(found, "Email", {11: 5})
    return found


def write_csv(path: Path, rows: Sequence[Row], *, like_crm: bool = False) -> None:
    """UTF-8 and commas; LF, or the way of CRMs: CRLF and quotes around every cell."""
    with path.open("w", encoding="utf-8", newline="") as out:
        quoting = csv.QUOTE_ALL if like_crm else csv.QUOTE_MINIMAL
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\r\n" if like_crm else "\n", quoting=quoting)
        writer.writeheader()
        writer.writerows(rows)


def write_workbook(path: Path, rows: Sequence[Row]) -> None:
    """One sheet of text cells: no formula, no phone that becomes a number."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"created": datetime(2026, 1, 1)})
        sheet = book.add_worksheet("Contacts")
        for y, cells in enumerate([list(rows[0]), *(row.values() for row in rows)]):
            for x, cell in enumerate(cells):
                if cell:
                    sheet.write_string(y, x, cell)


def main(folder: Path) -> None:
    """Writes everything."""
    rows = sample_contacts()
    write_csv(folder / "contacts.csv", rows)
    write_workbook(folder / "contacts.xlsx", rows)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(CONTACT_COLUMNS, pl.String))
    frame = frame.with_columns(pl.when(pl.all() != "").then(pl.all()))
    frame.write_parquet(folder / "contacts.parquet")
    frame.write_ndjson(folder / "contacts.ndjson")
    write_csv(folder / "crm_export.csv", crm_export(), like_crm=True)
    write_csv(folder / "prospecting_export.csv", prospecting_export())
    write_csv(folder / "address_book.csv", address_book())
    write_csv(folder / "changes.csv", changes(rows))
    write_csv(folder / "leavers.csv", leavers(rows))
    names = (("Fair 2026", "yes"), ("Webinar", "no"), ("Newsletter", "no"), ("Partners", "yes"), ("partners", "no"))
    write_csv(folder / "lists.csv", [{"Name": name, "Shared": shared} for name, shared in (*names, ("", "no"))])
    kinds = (("Tier", "text"), ("Seats", "number"), ("Renewal", "text"), ("Colour", "rainbow"))
    write_csv(folder / "fields.csv", [{"Title": title, "Type": kind} for title, kind in kinds])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
