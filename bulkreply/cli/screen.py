"""A console that no text from outside can steer or stop; apart from the streams, which load at once."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.errors import MarkupError
from rich.markup import escape
from rich.text import Text

from bulkreply.cli.streams import plain


def quoted(text: object) -> str:
    """The same inside text with markup of rich, where `[red]` is a colour."""
    return escape(plain(str(text)))


class Screen(Console):
    """A console that no text from outside can steer or stop: file names, columns, Reply's words."""

    def render_str(self, text: str, **options: Any) -> Text:
        """A text with its markup; one that is no valid markup as it stands."""
        try:
            return super().render_str(plain(text), **options)
        except MarkupError:
            return super().render_str(plain(text), **options | {"markup": False})

    def on_broken_pipe(self) -> None:
        """The reader has gone: `run_app` decides what that means."""
        raise BrokenPipeError
