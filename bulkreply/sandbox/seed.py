"""Fills an account with believable people, the same ones for the same number."""

from __future__ import annotations

import random

from bulkreply.sandbox.events import Effect
from bulkreply.sandbox.store import Contact, Workspace
from bulkreply.sandbox.vocabulary import COMPANY_SIZES

_FIRST = (
    "Ada",
    "Björn",
    "Chidi",
    "Dana",
    "Elif",
    "Farid",
    "Grace",
    "Hana",
    "Ivo",
    "Jun",
    "Kamala",
    "Lars",
    "Mei",
    "Nuno",
)
_LAST = ("Aalto", "Berg", "Costa", "Dlamini", "Eriksen", "Fontaine", "Gupta", "Haas", "Ito", "Jansen", "Kovač", "Lopez")
_COMPANY = ("Nordwind", "Blue Harbour", "Kestrel", "Tallgrass", "Meridian", "Oakline", "Quarry", "Saltmarsh", "Vantage")
_CITY = (("Berlin", "Germany"), ("Lyon", "France"), ("Austin", "US"), ("Osaka", "Japan"), ("Porto", "Portugal"))
_TITLE = ("Buyer", "Head of Sales", "Founder", "Operations Lead", "Engineer", "CFO")


def seed_contacts(workspace: Workspace, count: int, user: int, now_s: float) -> None:
    """Adds `count` contacts made a day before `now_s`."""
    chance = random.Random(count)
    for number in range(count):
        first, last, company = chance.choice(_FIRST), chance.choice(_LAST), chance.choice(_COMPANY)
        city, country = chance.choice(_CITY)
        domain = company.lower().replace(" ", "-") + ".example.com"
        fields = {
            "email": f"person{number}@{domain}",
            "firstName": first,
            "lastName": last,
            "company": company,
            "title": chance.choice(_TITLE),
            "city": city,
            "country": country,
            "phone": f"+49 30 {number:07}",
            "companySize": chance.choice(COMPANY_SIZES[1:]),
        }
        workspace.add(Contact(workspace.new_id("contact"), fields, user, now_s - 86_400, "Manually"))
    if count:
        ids = workspace.ordered()[-count:]
        workspace.events.note(now_s - 86_400, 0, "seed", ids, [Effect.CREATED] * count)
