"""The words of a contact: which fields there are, of which kind, and how V1 and V3 spell them (v3-contacts.md 1)."""

from __future__ import annotations

import re
from functools import cache

V3_TEXTS = frozenset(
    {
        "email",
        "firstName",
        "lastName",
        "title",
        "company",
        "city",
        "state",
        "country",
        "industry",
        "notes",
        "phone",
        "phone2",
        "timeZoneId",
        "linkedInUrl",
        "linkedInSalesNavigatorUrl",
        "linkedInRecruiterUrl",
    }
)
# companySize is written in PascalCase and read in lowerCamel; a test compares the two columns.
COMPANY_SIZES = (
    "empty",
    "selfEmployed",
    "ten",
    "fifty",
    "twoHundred",
    "fiveHundred",
    "oneThousand",
    "fiveThousand",
    "tenThousand",
    "overTenThousand",
)
ENUMS: dict[str, tuple[str, ...]] = {
    "companySize": COMPANY_SIZES,
    "callStatus": ("none", "toCall", "called"),
    "meetingStatus": ("none", "meetingBooked"),
}
CREATE_KEYS = V3_TEXTS | {"companySize", "accountId", "customFields"}
PATCH_KEYS = CREATE_KEYS | {"isOptedOut", "callStatus", "meetingStatus", "ownerUserId"}

# V1 spells some fields otherwise (v1-v2.md 1); what it cannot write is absent here.
V1_WRITABLE = {
    "email": "email",
    "firstName": "firstName",
    "lastName": "lastName",
    "company": "company",
    "city": "city",
    "state": "state",
    "country": "country",
    "timeZoneId": "timeZoneId",
    "title": "title",
    "phone": "phone",
    "notes": "notes",
    "linkedInProfile": "linkedInUrl",
}
V1_BANDS = dict(
    zip(
        COMPANY_SIZES,
        (
            "Empty",
            "Self-employed",
            "1-10",
            "11-50",
            "51-200",
            "201-500",
            "501-1000",
            "1001-5000",
            "5001-10000",
            "10001+",
        ),
        strict=True,
    )
)
# V1 speaks Windows names (conventions.md 11); a few suffice here, others pass as they are.
WINDOWS_ZONES = {
    "America/Los_Angeles": "Pacific Standard Time",
    "America/New_York": "Eastern Standard Time",
    "America/Chicago": "Central Standard Time",
    "Europe/London": "GMT Standard Time",
    "Europe/Berlin": "W. Europe Standard Time",
}

_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\[\]\\,;:\".]+(?:\.[^\s@<>()\[\]\\,;:\".]+)+")


def is_address(text: str) -> bool:
    """Whether the text looks like an e-mail address to Reply."""
    return len(text) <= 320 and _ADDRESS.fullmatch(text) is not None


def pascal(word: str) -> str:
    """`toCall` as `ToCall`."""
    return word[:1].upper() + word[1:]


@cache
def enum_word(name: str, text: str, strict: bool) -> str | None:
    """The lowerCamel word for what a client sent, or None when there is no such word.

    Args:
        name: Field.
        text: What was sent.
        strict: Whether only the documented spelling counts: PascalCase for companySize, else lowerCamel.
    """
    for word in ENUMS[name]:
        documented = pascal(word) if name == "companySize" else word
        if text == documented or (not strict and text.lower() == word.lower()):
            return word
    return None


@cache
def is_time_zone(name: str) -> bool:
    """Whether the name is an IANA time zone."""
    from zoneinfo import available_timezones

    known = available_timezones()
    return name in known if known else "/" in name or name == "UTC"
