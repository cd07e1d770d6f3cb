"""What is mutated: the repository's own samples, and small files written for the purpose."""

from __future__ import annotations

import datetime as dt
import io
import warnings
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

import polars as pl
import xlsxwriter

from tests.support import REPOSITORY

_MOST_BYTES = 20_000


@cache
def samples(*patterns: str) -> tuple[bytes, ...]:
    """The beginnings of the repository's files of a kind."""
    paths = sorted(path for pattern in patterns for path in REPOSITORY.glob(pattern))
    assert paths, patterns
    return tuple(path.read_bytes()[:_MOST_BYTES] for path in paths)


@cache
def whole(*patterns: str) -> tuple[bytes, ...]:
    """Files that are nothing when cut."""
    return tuple(path.read_bytes() for pattern in patterns for path in sorted(REPOSITORY.glob(pattern)))


@cache
def parquet_files() -> tuple[bytes, ...]:
    """Small Parquet files with all sorts of columns."""
    texts = {"Email": ["a@example.com", None, "c@example.com"], "First": ["A", "B", ""]}
    frames = [
        pl.DataFrame(texts),
        pl.DataFrame(texts).with_columns(pl.col("First").cast(pl.Categorical), n=pl.Series([1, 2, None])),
        pl.DataFrame(texts).with_columns(
            at=pl.datetime(2026, 1, 1, time_unit="ns", time_zone="UTC"), f=pl.lit(1.5), b=pl.lit(value=True)
        ),
        pl.DataFrame(texts).with_columns(
            steps=pl.Series([[{"a": 1, "b": ["x"]}], [], None]), d=pl.lit("1.10").cast(pl.Decimal(10, 2))
        ),
        pl.DataFrame({f"c{i}": ["x"] * 50 for i in range(30)}),
    ]
    made = []
    for frame in frames:
        for compression in ("zstd", "uncompressed", "snappy"):
            out = io.BytesIO()
            frame.write_parquet(out, compression=compression)
            made.append(out.getvalue())
    return tuple(made)


@cache
def workbooks() -> tuple[bytes, ...]:
    """Small workbooks with all kinds of cells."""
    made = []
    for strings in (True, False):
        out = io.BytesIO()
        book = xlsxwriter.Workbook(out, {"in_memory": True, "constant_memory": not strings})
        sheet = book.add_worksheet("Contacts")
        sheet.write_row(0, 0, ["Email", "First", "n", "when", "f"])
        for row in range(1, 6):
            sheet.write_row(row, 0, [f"u{row}@example.com", "Ä", row * 1e9, ""])
            sheet.write_datetime(row, 3, dt.datetime(2026, 1, row), book.add_format({"num_format": "yyyy-mm-dd"}))
            sheet.write_formula(row, 4, "=1+1", value="#N/A" if row == 2 else 2)
        book.add_worksheet("Other").hide()
        book.close()
        made.append(out.getvalue())
    return tuple(made)


def damaged_workbook(chance: Random, content: bytes, damage: object) -> bytes:
    """A workbook one of whose parts is changed inside its archive, so that what comes out of it is read at all."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        names = archive.namelist()
        victims = chance.sample(names, chance.choice((1, 1, 2)))
        for name in names:
            part = archive.read(name)
            if name in victims:
                deed = chance.random()
                if deed < 0.1:
                    continue
                part = damage(part) if deed < 0.9 else part * 200  # type: ignore[operator]
            if chance.random() < 0.02:
                name = chance.choice(("../" + name, name.upper(), name + "\x01", "xl/workbook.xml"))
            with warnings.catch_warnings(action="ignore"):  # two parts of one name
                made.writestr(name, part)
    return out.getvalue()


def csv_dialect(chance: Random, cells: Sequence[bytes]) -> bytes:
    """A delimited file of some dialect, correct or nearly."""
    delimiter, quote = chance.choice(b",;\t|:^ "), chance.choice((b'"', b'"', b"'", b""))
    line_end = chance.choice((b"\n", b"\n", b"\r\n", b"\r", b"\n\r"))
    encoding = chance.choice(("utf-8", "utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-32", "latin-1"))
    width = chance.choice((1, 2, 3, 7, 40))
    lines = []
    for number in range(chance.choice((1, 2, 5, 60))):
        row = [chance.choice(cells) for _ in range(width if chance.random() < 0.9 else chance.randint(0, width + 3))]
        if number == 0 and chance.random() < 0.9:
            row = [b"c%d" % i for i in range(width)]
        quoted = [
            quote + cell.replace(quote, quote * 2) + quote if quote and chance.random() < 0.4 else cell for cell in row
        ]
        lines.append(bytes([delimiter]).join(quoted))
    text = line_end.join(lines) + (line_end if chance.random() < 0.7 else b"")
    return text.decode("utf-8", "replace").encode(encoding, "replace")


def sample_paths(folder: Path) -> None:
    """Lets mutated jobs find the samples they name."""
    (folder / "jobs").mkdir(parents=True, exist_ok=True)
    for name in ("samples", "maps"):
        target = REPOSITORY / name if name == "samples" else REPOSITORY / "jobs" / "maps"
        link = folder / name if name == "samples" else folder / "jobs" / name
        if not link.is_symlink():
            link.symlink_to(target)
