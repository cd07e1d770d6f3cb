"""Bytes and trees that nobody would write on purpose. All chance comes from the caller's seeded `Random`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

TOKENS = (
    *(
        b"\x00",
        b"\x01",
        b"\x07",
        b"\x08",
        b"\x0b",
        b"\x0c",
        b"\x1a",
        b"\x1b[2J",
        b"\x7f",
        b"\x85",
        b"\xff",
        b"\xfe\xff",
    ),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\x00\x00", b"\xed\xa0\x80", b"\\ud800", b"\xc2\x85", b"\xe2\x80\xa8"),
    *(b"\xe2\x80\xae", b"\xf0\x9f\x98\x80", b"\xcc\x81", b"\n", b"\r", b"\r\n", b"\t", b" ", b'"', b'""', b"'", b"\\"),
    *(b",", b";", b"|", b":", b": ", b"- ", b"? ", b"#", b"&a ", b"*a", b"!!", b"!!binary ", b"<<: ", b"%YAML 9.9\n"),
    *(b"--- ", b"...\n", b"{", b"}", b"[", b"]", b"{}", b"[]", b"{{", b"}}", b"{date:%", b"${HOME}", b"@", b"%", b"%s"),
    *(
        b"=1+1",
        b"=",
        b"'=",
        b"+",
        b"-",
        b"/",
        b"//",
        b"../",
        b"~",
        b"*",
        b"**/",
        b"[/red]",
        b"[red",
        b"<a>",
        b"sep=\x07\n",
    ),
    *(
        b"0",
        b"-1",
        b"9" * 40,
        b"1e999",
        b"-1e-999",
        b"1_0",
        b"0x1F",
        b"NaN",
        b"Infinity",
        b"2147483648",
        b"18446744073709551616",
    ),
    *(b"null", b"true", b"~", b"None", b"0000-00-00", b"9999-12-31T23:59:60Z", b"10000-01-01", b"24:61", b"1.1.1.1.1"),
    *(b"_row,_code,_field,_message,_hint", b"SELECT ", b"CAST(a AS INT)", b"a.0.b", b"steps.99999999.x", b"x" * 70_000),
)

Step = Callable[[Random, bytes, Sequence[bytes]], bytes]


def _span(chance: Random, size: int, most: int = 64) -> tuple[int, int]:
    start = chance.randint(0, max(0, size - 1))
    return start, min(size, start + chance.choice((1, 1, 2, 4, 8, chance.randint(1, most))))


def flip(chance: Random, content: bytes, donors: Sequence[bytes]) -> bytes:
    if not content:
        return content
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def delete(chance: Random, content: bytes, donors: Sequence[bytes]) -> bytes:
    start, end = _span(chance, len(content))
    return content[:start] + content[end:]


def insert(chance: Random, content: bytes, donors: Sequence[bytes]) -> bytes:
    at = chance.choice((0, len(content), chance.randint(0, len(content))))
    return content[:at] + chance.choice(TOKENS) + content[at:]


def overwrite(chance: Random, content: bytes, donors: Sequence[bytes]) -> bytes:
    start, end = _span(chance, len(content), 16)
    return content[:start] + chance.choice(TOKENS) + content[end:]


def duplicate(chance: Random, content: bytes, donors: Sequence[bytes]) -> bytes:
    start, end = _span(chance, len(content), 200)
    return content[:end] + content[start:end] * chance.choice((1, 1, 2, 50)) + content[end:]


def truncate(chance: Random, content: bytes, donors: Sequence[bytes]) -> bytes:
    return content[: chance.randint(0, len(content))]


def splice(chance: Random, content: bytes, donors: Sequence[bytes]) -> bytes:
    other = chance.choice(donors)
    return content[: chance.randint(0, len(content))] + other[chance.randint(0, len(other)) :]


def swap(chance: Random, content: bytes, donors: Sequence[bytes]) -> bytes:
    """Two words change places."""
    words = content.split(b" ") if content.count(b" ") > 2 else content.split(b",")
    if len(words) < 2:
        return content
    a, b = chance.randrange(len(words)), chance.randrange(len(words))
    words[a], words[b] = words[b], words[a]
    return (b" " if content.count(b" ") > 2 else b",").join(words)


def swap_lines(chance: Random, content: bytes, donors: Sequence[bytes]) -> bytes:
    lines = content.split(b"\n")
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a] if chance.random() < 0.5 else b""
    return b"\n".join(lines)


def number(chance: Random, content: bytes, donors: Sequence[bytes]) -> bytes:
    """A number becomes an extreme one."""
    places = [at for at, byte in enumerate(content[:5_000]) if 48 <= byte < 58]
    if not places:
        return insert(chance, content, donors)
    at = chance.choice(places)
    return (
        content[:at] + chance.choice((b"-1", b"0", b"9" * 25, b"1e400", b"2147483648", b"0.1", b"")) + content[at + 1 :]
    )


STEPS: tuple[Step, ...] = (
    *(flip, delete, insert, insert, overwrite, overwrite, duplicate, truncate, splice, swap, swap_lines, number),
)


def mutated(chance: Random, content: bytes, donors: Sequence[bytes]) -> bytes:
    """A seed after one step or several."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        content = chance.choice(STEPS)(chance, content, donors)
    return content[:300_000]


def mutated_text(chance: Random, text: str, donors: Sequence[str]) -> str:
    """The same for words of the command line, which may hold halves of characters but no NUL."""
    found = mutated(chance, text.encode(), [donor.encode() for donor in donors])
    return found.replace(b"\x00", b"").decode("utf-8", "surrogateescape")


SCALARS: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**63, 10**400, 0.5, 1e308, float("inf"), float("nan"), "", " ", "a"),
    *(
        "1",
        "1001",
        "ada@example.com",
        "2026-01-01T00:00:00Z",
        "é\u202e\x00",
        "\ud800",
        "x" * 5_000,
        "=1+1",
        "[/red]",
        "../..",
    ),
)


def tree(chance: Random, names: Sequence[str], depth: int = 3) -> Any:
    """A tree of JSON values whose keys are mostly ones that mean something."""
    kind = chance.random()
    if depth == 0 or kind < 0.45:
        return chance.choice((*SCALARS, chance.choice(names)))
    if kind < 0.65:
        return [tree(chance, names, depth - 1) for _ in range(chance.choice((0, 1, 2, 5)))]
    keys = [
        chance.choice(names) if chance.random() < 0.9 else str(chance.choice(SCALARS))
        for _ in range(chance.randint(0, 5))
    ]
    return {key: tree(chance, names, depth - 1) for key in keys}


def grafted(chance: Random, value: Any, names: Sequence[str]) -> Any:
    """A tree with one to three of its branches replaced, removed, doubled or renamed."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        value = _graft(chance, value, names)
    return value


def _graft(chance: Random, value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        deed = chance.random()
        if deed < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if deed < 0.2:
            return {chance.choice(names) if k == key else k: v for k, v in value.items()}
        return {**value, key: _graft(chance, value[key], names)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        at, deed = chance.randrange(len(value)), chance.random()
        if deed < 0.1:
            return value[:at] + value[at + 1 :]
        if deed < 0.2:
            return value[: at + 1] + value[at:]
        if deed < 0.3:
            return chance.sample(value, len(value))
        return [*value[:at], _graft(chance, value[at], names), *value[at + 1 :]]
    return tree(chance, names, chance.choice((0, 0, 1, 2)))
