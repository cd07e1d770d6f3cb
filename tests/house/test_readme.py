"""The README keeps its word: its table is the catalog's own, its Python is Python."""

from __future__ import annotations

import ast
import re

from bulkreply.catalog import Catalog
from bulkreply.cli.browsing import table_as_markdown
from tests.support import REPOSITORY

README = (REPOSITORY / "README.md").read_text("utf-8")


def test_the_table_of_objects_is_current() -> None:
    found = re.search(r"<!-- objects -->\n(.*?)\n<!-- end of objects -->", README, re.DOTALL)
    assert found is not None
    assert found[1] == table_as_markdown(Catalog()), "bulkreply objects --markdown prints the table of today"


def test_python_in_the_readme_parses() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        compile(block, "README.md", "exec", flags=flags)
