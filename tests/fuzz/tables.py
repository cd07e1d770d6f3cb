"""Kinds of cases about files: every format opened, read to its end, and its rejects written and read again."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import polars as pl

from bulkreply.errors import SourceUnreadable
from bulkreply.files.formats import FileOptions, Table, open_table, write_rejects
from bulkreply.files.workbook import check_archive
from bulkreply.files.workbook_child import answer
from bulkreply.records import Reject
from tests.fuzz.mutation import SCALARS, TOKENS, grafted, mutated, tree
from tests.fuzz.seeds import csv_dialect, damaged_workbook, parquet_files, samples, whole, workbooks

NAMES = ("Email", "First Name", "email", "steps", "a", "b", "_row", "_code", "listIds", "customFields")


def _options(chance: Random, format_name: str | None) -> FileOptions:
    if chance.random() < 0.7:
        return FileOptions(format=format_name)
    return FileOptions(
        format=format_name,
        encoding=chance.choice(
            (None, None, "utf-8", "cp1252", "utf-16", "utf-7", "ascii", "idna", "punycode", "hex", "x\x00")
        ),
        delimiter=chance.choice((None, None, ";", "\t", "\\t", "é", "", '"', "\n", " ")),
        quote=chance.choice((None, None, "'", "", "none", ",", "\x00")),
        sheet=chance.choice((None, "Other", 2, "0", "٣", "²", "")),
        header_row=chance.choice((1, 1, 2, 5, 10**9)),
    )


def read_through(table: Table, folder: Path) -> None:
    """Everything a run does with a table; what readers promise of chunks is checked on the way."""
    seen, rejects = [], list[Reject]()
    for chunk in table.chunks(7):
        assert chunk.frame.height == len(chunk.row_numbers)
        assert tuple(chunk.frame.columns) == table.columns
        seen += chunk.row_numbers.to_list()
        rejects += chunk.rejects
    lost = {reject.row for reject in rejects}
    assert seen == sorted(set(seen)), "row numbers do not ascend"
    assert not lost & set(seen), "a row is both read and rejected"
    assert sum(chunk.frame.height for chunk in table.originals(5)) >= len(seen)
    str(table.dialect), table.suffix
    if seen or lost:
        rows = sorted({*seen[:2], *sorted(lost)[:2]})
        columns = {"file": [0] * len(rows), "row": rows} | {
            name: ["x"] * len(rows) for name in ("column", "field", "code", "message", "hint")
        }
        frame = pl.DataFrame(columns, schema_overrides={"file": pl.UInt16, "row": pl.UInt32})
        (written,) = write_rejects([table], frame, folder)
        again = open_table(written, FileOptions())
        assert sum(chunk.frame.height + len(chunk.rejects) for chunk in again.chunks()) >= 1


def _open(path: Path, content: bytes, options: FileOptions) -> None:
    path.write_bytes(content)
    read_through(open_table(path, options), path.parent)


def delimited(chance: Random, folder: Path) -> None:
    seeds = samples("samples/*.csv", "samples/messy/*.csv", "samples/messy/*.gz")
    if chance.random() < 0.35:
        content = csv_dialect(chance, (*TOKENS[:-1], b"", b"a", b"ada@example.com", b"\xc3\xa9", b"0044"))
        content = content if chance.random() < 0.6 else mutated(chance, content, seeds)
    else:
        content = mutated(chance, chance.choice(seeds), seeds)
    name = chance.choice(("in.csv", "in.csv", "in.tsv", "in.txt", "in", "in.csv.gz"))
    _open(folder / name, content, _options(chance, chance.choice((None, None, "csv", "tsv"))))


def json_lines(chance: Random, folder: Path) -> None:
    seeds = samples("samples/*.ndjson", "samples/messy/*.ndjson")
    if chance.random() < 0.5:
        values = [
            tree(chance, NAMES, 4) if chance.random() < 0.3 else {"email": "a", **_dict(chance)} for _ in range(6)
        ]
        lines = [json.dumps(value).encode("utf-8", "surrogatepass") for value in values]
        if chance.random() < 0.1:
            lines.append(b'{"a":' * 3_000 + b"1" + b"}" * 3_000)
        content = b"\n".join(lines)
        content = content if chance.random() < 0.7 else mutated(chance, content, seeds)
    else:
        content = mutated(chance, chance.choice(seeds), seeds)
    _open(folder / chance.choice(("in.ndjson", "in.jsonl")), content, _options(chance, None))


def _dict(chance: Random) -> dict[str, object]:
    return {str(chance.choice(NAMES)): tree(chance, NAMES, 2) for _ in range(4)}


def parquet(chance: Random, folder: Path) -> None:
    seeds = (*parquet_files(), *whole("samples/contacts.parquet", "samples/messy/*.parquet"))
    _open(folder / "in.parquet", mutated(chance, chance.choice(seeds), seeds), FileOptions())


def workbook(chance: Random, folder: Path) -> None:
    """Through the checks from outside and the child's own reading, in this process."""
    content, options = _damaged(chance), _options(chance, "xlsx")
    path = folder / "in.xlsx"
    path.write_bytes(content)
    check_archive(path)
    parts = folder / "parts"
    parts.mkdir()
    told = answer(path, parts, options.sheet, options.header_row, ["_row", "_code"])
    json.dumps(told)
    if "error" in told:
        raise SourceUnreadable(told["error"])
    assert len(told["parts"]) == len(list(parts.iterdir()))


def workbook_child(chance: Random, folder: Path) -> None:
    """Through the real child."""
    content = chance.choice(workbooks()) if chance.random() < 0.5 else _damaged(chance)
    _open(folder / "in.xlsx", content, FileOptions())


def _damaged(chance: Random) -> bytes:
    seeds = workbooks()
    content = chance.choice(seeds)
    if chance.random() < 0.25:
        return mutated(chance, content, seeds)
    return damaged_workbook(
        chance, content, lambda part: mutated(chance, part, (part, b"<c r='XFD1048576' t='s'><v>9</v></c>"))
    )


__all__ = ["NAMES", "SCALARS", "delimited", "grafted", "json_lines", "parquet", "workbook", "workbook_child"]
