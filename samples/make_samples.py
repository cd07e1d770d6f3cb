"""Writes the sample files, the same every time: `python samples/make_samples.py [FOLDER]`.

Nobody in them exists: all addresses are in the domains kept for examples, telephone numbers in ranges kept for
fiction where a country has one. What is wrong in the files is wrong on purpose.
"""

from __future__ import annotations

import csv
import datetime
import json
import random
import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import xlsxwriter

SEED = 2026
CONTACT_COLUMNS = (
    "Email", "First Name", "Last Name", "Company", "Title", "Phone", "City", "Country", "LinkedIn",
    "Employees", "Budget", "Region", "Lists", "Source", "My Comment", "Internal ID",
)  # fmt: skip

# Country | region | telephone, # is any digit | time zone as Windows calls it | cities/states | first | last names.
# A name that is not in Latin letters says how its owner spells it in an address: 陽子=yoko.
COUNTRIES = """
Germany|DACH|+49 30 23125 ###|W. Europe Standard Time|Berlin/,Köln/NRW,Lübeck/SH|Anna,Björn,Jürgen,Käthe,Lukas,Saskia|Groß,Krüger,Müller,Schäfer,Vogel,Weiß
Austria|DACH|+43 1 555 0###|W. Europe Standard Time|Wien/,Graz/Steiermark|Eva-Maria,Florian,Leopold,Theresa|Bauer,Gruber,Höller,Steindl
United Kingdom|UK & Ireland|+44 20 7946 0###|GMT Standard Time|London/,Leeds/West Yorkshire|Amelia,Callum,Imogen,Rhys|Ashworth,Bennett,MacLeod,O'Brien
France|Western Europe|+33 1 99 00 ## ##|Romance Standard Time|Lyon/,Nantes/Pays de la Loire|Chloé,François,Hélène,Jean-Luc|Bélanger,D'Aubigné,Lefèvre,Moreau
Spain|Southern Europe|+34 555 ### ###|Romance Standard Time|Sevilla/Andalucía,Bilbao/|Begoña,Íñigo,José Luis,Ximena|Casals,García López,Muñoz,Peña
Poland|Eastern Europe|+48 555 ### ###|Central European Standard Time|Łódź/,Kraków/Małopolska|Agnieszka,Łukasz,Paweł,Żaneta|Kowalczyk,Nowak,Świątek,Żuraw
Sweden|Nordics|+46 8 465 004 ##|W. Europe Standard Time|Malmö/Skåne,Umeå/|Åsa,Göran,Linnéa,Olof|Ekström,Lindqvist,Sjöberg,Östlund
Denmark|Nordics|+45 5550 ####|Romance Standard Time|Århus/,Køge/|Ida,Kåre,Mette,Søren|Dahl,Kjær,Ravn,Ærøe
Turkey|Middle East|+90 555 ### ####|Turkey Standard Time|İzmir/,Eskişehir/|Ayşe,Çağrı,Elif,Oğuz|Demir,Öztürk,Şahin,Yıldız
Ukraine|Eastern Europe|+380 55 500 ####|FLE Standard Time|Київ/,Львів/|Олена=olena,Тарас=taras,Юлія=yuliia|Бойко=boiko,Шевчук=shevchuk,Ткаченко=tkachenko
United States|North America|+1 512 555 01##|Central Standard Time|Austin/TX,Tulsa/OK,Madison/WI|Dwayne,Grace,Kamala,Marcus,Priya,Tyler|Alvarez,Hughes,Nguyen,Okafor,Smith,Whitfield
Canada|North America|+1 514 555 01##|Eastern Standard Time|Montréal/QC,Ottawa/ON|Benoît,Gwen,Noémie,Raj|Côté,Gagnon,Singh,Tremblay
Brazil|Latin America|+55 81 5550 ####|E. South America Standard Time|São Paulo/SP,Recife/PE|Caetano,Inês,João,Thaís|Araújo,Conceição,Lima,Gonçalves
India|South Asia|+91 55555 0####|India Standard Time|Pune/Maharashtra,Kochi/Kerala|Aarav,Deepa,Farid,Lakshmi|Gupta,Iyer,Nair,Sharma
Japan|East Asia|+81 3 5550 ####|Tokyo Standard Time|大阪/,Sendai/Miyagi|健太=kenta,陽子=yoko,Haruki,Jun|佐藤=sato,田中=tanaka,Ito,Watanabe
Nigeria|Africa|+234 55 500 ####|W. Central Africa Standard Time|Lagos/,Enugu/|Adébáyò,Chidi,Ngozi,Zainab|Eze,Ọlá,Okonkwo,Usman
"""  # noqa: E501
COMPANIES = """
Nordwind GmbH,Kestrel & Sons,Tallgrass Foods,Meridian Labs,Oakline Logistics,Quarry Systems,Saltmarsh Seafood,
Vantage Optics,The "Paper" Mill,Café Lumière,Ashford Rail,Bluepeak Robotics,Cinder Ceramics,Dovetail Joinery,
Elmhurst Dental,Fjordkraft Marine,Glasshouse Media,Høyre Mølle A/S,Ironbark Mining,Juniper Row Hotels,Krokus Bank,
Larkspur Health,Mühlbach & Co. KG,Nettle Software,Ostrava Glassworks,Peregrine Air Cargo,Quince Cosmetics,
Rookwood Insurance,São Bento Têxteis,Thistle Energy,Umbra Lighting,Viadukt Bau AG,Willowbrook Schools,Xylo Instruments,
Yarrow Pharma,Zephyr Wind Power,Ambrosia Catering,Brightwater Utilities,Copperfield Press,Driftwood Furniture
"""
TITLES = (
    "Head of Sales", "Buyer", "Founder", "Operations Lead", "CFO", "Account Executive", "Marketing Manager",
    "VP Revenue", "Managing Director", "Sales Director", "Chief of Staff", "Procurement, EMEA", "Owner",
)  # fmt: skip
SPELLINGS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "ı": "i"}
BANDS = ("1-10", "11-50", "51-200", "201-500", "501-1000", "1001-5000", "5001-10000", "10001+", "")
LISTS = ("Fair 2026", "Webinar", "Fair 2026;Webinar", "Newsletter", "")
SOURCES = ("Trade fair", "Webinar", "Referral", "Website form", "Partner")
COMMENTS = (
    "", "", "", "met at the stand", "call back in spring", "asked for a quote, wants a pilot", "prefers e-mail",
    "on leave until May", "knows the team from an earlier job", "Rückruf vereinbart", "too small for now",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist."""

    first: str
    last: str
    spelling: str
    email: str
    company: str
    band: str
    title: str
    phone: str
    city: str
    state: str
    country: str
    region: str
    zone: str


def latin(text: str) -> str:
    """A name as it stands in an address."""
    folded = "".join(SPELLINGS.get(letter, letter) for letter in text.lower())
    plain = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]", "", plain)


def people(count: int, seed: int) -> list[Person]:
    """People with an address each, and the company's size always the same."""
    chance = random.Random(seed)
    countries = [line.split("|") for line in COUNTRIES.strip().splitlines()]
    companies = [name.strip() for name in COMPANIES.split(",")]
    taken: set[str] = set()
    found = []
    for _ in range(count):
        country, region, phone, zone, cities, firsts, lasts = chance.choice(countries)
        city, state = chance.choice(cities.split(",")).split("/")
        first, _, first_latin = chance.choice(firsts.split(",")).partition("=")
        last, _, last_latin = chance.choice(lasts.split(",")).partition("=")
        place = chance.randrange(len(companies))
        company = companies[place]
        domain = f"{latin(company.removeprefix('The ').split()[0])}.example.{('com', 'org', 'net')[place % 3]}"
        name = local = f"{first_latin or latin(first)}.{last_latin or latin(last)}"
        namesakes = 1
        while f"{local}@{domain}" in taken:
            namesakes += 1
            local = f"{name}{namesakes}"
        taken.add(f"{local}@{domain}")
        found.append(Person(
            first, last, local.replace(".", "-"), f"{local}@{domain}", company, BANDS[place % len(BANDS)],
            chance.choice(TITLES), re.sub("#", lambda _: str(chance.randrange(10)), phone), city, state, country,
            region, zone,
        ))  # fmt: skip
    return found


def contacts() -> list[list[str]]:
    """Rows of CONTACT_COLUMNS."""
    chance = random.Random(SEED)
    rows = []
    for number, one in enumerate(people(1000, SEED), start=1):
        profile = f"https://www.linkedin.com/in/{one.spelling}-{chance.randrange(16**6):06x}"
        rows.append([
            one.email, one.first, one.last, one.company, one.title, one.phone if chance.random() < 0.85 else "",
            one.city, one.country, profile if chance.random() < 0.6 else "", one.band,
            str(chance.randrange(1, 180) * 500) if chance.random() < 0.7 else "", one.region, chance.choice(LISTS),
            chance.choice(SOURCES), chance.choice(COMMENTS), f"C-{10_000 + number}",
        ])  # fmt: skip
    spoil(rows)
    return rows


def spoil(rows: list[list[str]]) -> None:
    """The mistakes of a real file: 16 rows that cannot be imported, 4 that stand twice; and 9 that only look odd."""
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

    rows[57][at("My Comment")] = "first call: no answer\nsecond call: wants an offer"
    rows[58][at("My Comment")] = '=HYPERLINK("https://example.com","our offer")'
    rows[59][at("My Comment")] = 'said "maybe", then "yes"'
    rows[60][at("My Comment")] = "=2 sites, 1 buyer"
    rows[61][at("Company")] = "Baker, Hale & Partners"
    rows[62][at("Employees")] = "11–50"
    rows[63][at("Email")] = f"  {rows[63][at('Email')]} "
    rows[66][at("Budget")] = "12500.50"
    rows[67][at("Last Name")] = ""


def crm_rows() -> list[list[str]]:
    """Contacts as a CRM exports them: owners, opt-outs, notes over several lines; 9 rows cannot be imported."""
    chance = random.Random(7)
    rows = []
    for number, one in enumerate(people(120, 7), start=1):
        rows.append([
            f"003{chance.randrange(36**7):012}", one.first, one.last, one.title, one.company, one.email, one.phone,
            one.phone[:-2] + "99" if chance.random() < 0.3 else "", one.city, one.state, one.country,
            chance.choice(("Web", "Trade Show", "Partner Referral", "Purchased List")),
            chance.choice(("Dana Keller", "Tom Hughes")), f"2026-0{chance.randrange(1, 7)}-{10 + number % 18}",
            chance.choice(("", "", "", "wants to hear from us\nafter the holidays")), "0",
        ])  # fmt: skip
    for number in (8, 41, 77, 103):
        rows[number][15] = "1"
    rows[12][5] = rows[90][5] = ""
    rows[30][5] = f"{rows[30][5]}; {rows[31][5]}"
    rows[55][1] = ""
    rows[68][5] = "[not provided]"
    rows[110][5] = rows[20][5].title()
    return rows


def prospecting_rows() -> list[list[str]]:
    """Contacts as a prospecting database exports them: bare numbers of employees; 11 rows cannot be imported."""
    chance = random.Random(8)
    rows = []
    for one in people(120, 8):
        head = random.Random(one.company)
        rows.append([
            one.first, one.last, one.title, one.company, one.email, chance.choice(("Verified", "Verified", "Guessed")),
            chance.choice(("Owner", "C suite", "VP", "Manager", "Senior")),
            str(head.choice((1, 2, 7, 10, 23, 50, 51, 180, 430, 950, 1500, 5000, 7200, 12000))),
            head.choice(("logistics & supply chain", "food production", "machinery", "retail", "hospitality")),
            f"http://www.linkedin.com/in/{one.spelling}-{chance.randrange(16**6):06x}", f"'{one.phone}",
            one.email.partition("@")[2], one.city, one.state, one.country,
        ])  # fmt: skip
    for number in (3, 25, 26, 64, 88, 101):
        rows[number][4:6] = "", "Unavailable"
    rows[15][7], rows[47][7] = "n/a", ""
    rows[52][7] = "200+"
    rows[70][9] = "not on file"
    rows[97][0] = ""
    rows[117][7] = "0"
    rows[119][4] = rows[2][4].upper()
    return rows


def address_book_rows() -> list[list[str]]:
    """Contacts as an address book exports them: labels, several numbers in a cell; 8 rows cannot be imported."""
    chance = random.Random(9)
    rows = []
    for one in people(80, 9):
        lists = chance.choice(LISTS).split(";")
        rows.append([
            one.first, chance.choice(("", "", "", "M.", "Noor")), one.last, one.company, one.title,
            chance.choice(("", "", "colleague of Dana", "birthday in June\ncall, don't write")),
            " ::: ".join([*filter(None, lists), "* myContacts"]), "* Work", one.email, "Mobile",
            one.phone, "Work", one.city, one.country,
        ])  # fmt: skip
    for number, name in ((5, "Front desk"), (29, "Taxi"), (62, "Dentist")):
        rows[number][:6] = "", "", "", name, "", ""
        rows[number][8] = ""
    rows[14][8] = f"{rows[14][8]} ::: {rows[15][8]}"
    rows[33][8] = ""
    rows[40][8] = rows[40][8].replace("@", "(at)")
    rows[51][0] = rows[51][1] = ""
    rows[58][8] = rows[58][8].replace(".example.", ",example.")
    rows[35][10] = f"{rows[35][10]} ::: {rows[36][10]}"
    rows[71][8] = rows[9][8]
    return rows


def people_rows() -> list[list[str]]:
    """A short file for the older API, with time zones; 3 rows cannot be imported."""
    chance = random.Random(10)
    rows = [
        [
            one.email, one.first, one.last, one.company, one.title, one.phone, one.city, one.state, one.country,
            one.zone, f"https://www.linkedin.com/in/{one.spelling}",
            str(chance.randrange(1, 60) * 5) if chance.random() < 0.8 else "", chance.choice(COMMENTS),
        ]
        for one in people(60, 10)
    ]  # fmt: skip
    rows[11][0] = rows[11][0].replace("@", "")
    rows[28][1] = ""
    rows[44][11] = "about 20"
    rows[57][0] = rows[3][0].capitalize()
    return rows


def lead_rows(known: Sequence[Sequence[str]]) -> list[list[str]]:
    """Leads of a fair, as a German spreadsheet saves them: some are known already, 2 cannot be imported."""
    rows = [[one.first, one.last, one.email, one.company, one.city, one.phone] for one in people(28, 11)]
    for number, row in enumerate(known):
        rows.insert(number * 3, [row[1], row[2], row[0].strip(), row[3], row[6], row[5]])
    rows[4][2] = "Visitenkarte fehlt"
    rows[16][0] = ""
    return rows


def update_rows(known: Sequence[Sequence[str]]) -> list[list[str]]:
    """News of known contacts; three are strangers to Reply, one address is wrong, a marker empties a field."""
    news = (("Head of Procurement", ""), ("", "+44 20 7946 0123"), ("<clear>", ""))
    rows = [[row[0], row[1], *news[number % 3], row[3]] for number, row in enumerate(known)]
    rows += [[one.email, one.first, one.title, one.phone, one.company] for one in people(3, 13)]
    rows.append(["left the company", "Marta", "<clear>", "<clear>", ""])
    return rows


def write_csv(
    path: Path,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    delimiter: str = ",",
    line_end: str = "\n",
    quote_all: bool = False,
    footer: str = "",
) -> None:
    """UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(
            out, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
        )
        writer.writerow(columns)
        writer.writerows(rows)
        out.write(footer)


def write_workbook(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """One sheet of text cells; nothing is a formula."""
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"created": datetime.datetime(2026, 1, 1)})
        sheet = book.add_worksheet("Contacts")
        for y, row in enumerate([columns, *rows]):
            for x, cell in enumerate(row):
                if cell:
                    sheet.write_string(y, x, cell)


def write_contacts(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    """The same rows in four formats."""
    write_csv(folder / "contacts.csv", CONTACT_COLUMNS, rows)
    write_workbook(folder / "contacts.xlsx", CONTACT_COLUMNS, rows)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(CONTACT_COLUMNS, pl.String), orient="row")
    frame = frame.with_columns(pl.when(pl.all() != "").then(pl.all()))
    frame.write_parquet(folder / "contacts.parquet")
    frame.write_ndjson(folder / "contacts.ndjson")


def sequence_rows() -> list[dict[str, object]]:
    """Sequences with their steps: one that branches, a short one, and one whose call step lacks a delay."""
    fair: list[dict[str, object]] = [
        {"id": 1, "type": "email", "delayInMinutes": 0, "executionMode": "automatic",
         "variants": [{"subject": "Our talk at the fair", "message": "<p>Hello {{FirstName}},</p>"},
                      {"subject": "The fair", "message": "<p>Hi {{FirstName}},</p>"}]},
        {"id": 2, "parentId": 1, "type": "condition", "delayInMinutes": 0, "waitInMinutes": 2880,
         "conditions": [{"property": "emailOpened", "rules": [{"operator": "equal", "value": "true"}]}]},
        {"id": 3, "parentId": 2, "ifConditionPositive": True, "type": "call", "delayInMinutes": 60},
        {"id": 4, "parentId": 2, "ifConditionPositive": False, "type": "email", "delayInMinutes": 1440,
         "executionMode": "manual", "variants": [{"subject": "Once more", "message": "<p>Did you see this?</p>"}]},
    ]  # fmt: skip
    short = [{"type": "email", "delayInMinutes": 0, "executionMode": "automatic",
              "variants": [{"subject": "Welcome", "message": "<p>Welcome, {{FirstName}}!</p>"}]}]  # fmt: skip
    return [
        {
            "name": "Fair 2027",
            "settings": {"emailsCountPerDay": 50, "repliesHandlingType": "markAsFinished"},
            "steps": fair,
        },
        {"name": "Welcome", "steps": short},
        {"name": "Forgotten delay", "steps": [{"type": "call"}]},
    ]


def schedule_rows() -> list[dict[str, object]]:
    """Sending times: office hours, evenings, and one that ends before it begins on a day that is none."""

    def day(name: str, first: int, last: int) -> dict[str, object]:
        hours = {"fromTime": {"hour": first, "minute": 0}, "toTime": {"hour": last, "minute": 30}}
        return {"weekDay": name, "isActive": True, "timeRanges": [hours]}

    week = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
    office = [day(name, 9, 17) for name in week]
    return [
        {"name": "Office hours", "timezoneId": "Europe/Berlin", "excludeHolidays": True, "mainTimings": office},
        {"name": "Evenings", "timezoneId": "America/New_York", "mainTimings": [day("Monday", 18, 20)]},
        {"name": "Odd days", "timezoneId": "Europe/Berlin", "mainTimings": [day("Someday", 9, 17)]},
    ]


def write_lines(path: Path, rows: Sequence[dict[str, object]]) -> None:
    """NDJSON: an object per line."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def main(folder: Path) -> None:
    """Writes everything."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = contacts()
    write_contacts(folder, rows)
    crm = (
        "Contact ID", "First Name", "Last Name", "Title", "Account Name", "Email", "Phone", "Mobile", "Mailing City",
        "Mailing State/Province", "Mailing Country", "Lead Source", "Contact Owner", "Last Activity", "Description",
        "Email Opt Out",
    )  # fmt: skip
    footer = '\r\n"Contacts of all owners"\r\n"Confidential Information - Do Not Distribute"\r\n'
    write_csv(folder / "crm_export.csv", crm, crm_rows(), line_end="\r\n", quote_all=True, footer=footer)
    prospecting = (
        "First Name", "Last Name", "Title", "Company", "Email", "Email Status", "Seniority", "# Employees", "Industry",
        "Person Linkedin Url", "Corporate Phone", "Website", "City", "State", "Country",
    )  # fmt: skip
    write_csv(folder / "prospecting_export.csv", prospecting, prospecting_rows())
    book = (
        "First Name", "Middle Name", "Last Name", "Organization Name", "Organization Title", "Notes", "Labels",
        "E-mail 1 - Label", "E-mail 1 - Value", "Phone 1 - Label", "Phone 1 - Value", "Address 1 - Label",
        "Address 1 - City", "Address 1 - Country",
    )  # fmt: skip
    write_csv(folder / "address_book.csv", book, address_book_rows())
    older = (
        "Email", "First Name", "Last Name", "Company", "Title", "Phone", "City", "State", "Country", "Time Zone",
        "Profile", "Seats", "Remark",
    )  # fmt: skip
    write_csv(folder / "people.csv", older, people_rows())
    leads = ("Vorname", "Nachname", "E-Mail", "Firma", "Ort", "Telefon")
    write_csv(folder / "fair_leads.csv", leads, lead_rows(rows[20:32]), delimiter=";", line_end="\r\n")
    news = ("Email", "First Name", "New Title", "New Phone", "Company")
    write_csv(folder / "updates.csv", news, update_rows(rows[100:126]))
    leavers = [[row[0], "asked to be forgotten"] for row in rows[2:12]]
    leavers += [["nobody.known@example.org", "bounced"], ["see ticket 4411", "unsubscribed"]]
    write_csv(folder / "leavers.csv", ("Email", "Reason"), leavers)
    write_csv(folder / "lists.csv", ("Name", "Shared"), [["Fair 2027", "yes"], ["Partners", "no"], ["", "no"]])
    write_csv(folder / "fields.csv", ("Title", "Type"), [["Tier", "text"], ["Seats", "number"], ["Colour", "rainbow"]])
    companies = ("Company", "Domain", "Employees", "Country")
    firms = [
        ["Nordwind GmbH", "nordwind.example.com", "51-200", "Germany"],
        ["Café Lumière", "lumiere.example.net", "11-50", "France"],
    ]
    firms += [
        ["Quarry Systems", "quarry.example.org", "1001-5000", "United States"],
        ["", "nameless.example.org", "2-10", ""],
    ]
    write_csv(folder / "companies.csv", companies, firms)
    write_lines(folder / "sequences.ndjson", sequence_rows())
    write_lines(folder / "schedules.ndjson", schedule_rows())
    standing = [
        [rows[i][0], status] for i, status in enumerate(("Replied", "Finished", "Called", "Opted out", "Replied"))
    ]
    standing += [["nobody.known@example.org", "Replied"]]
    write_csv(folder / "standing.csv", ("Email", "Standing"), standing)
    write_csv(folder / "competitors.csv", ("Domain",), [["rival.example.com"], ["other-rival.example.net"], [""]])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
