"""Accounts: whose key is used, where it is found, and what it may do."""

from __future__ import annotations

import os
import shlex
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bulkreply.errors import UsageProblem
from bulkreply.secrets import Secret, fingerprint

DEFAULT_BASE_URL = "https://api.reply.io"
CONFIG_NAME = "bulkreply.toml"
_KEYS = {"key_env", "key_file", "key_command", "base_url", "limits", "act_as", "reserve"}


@dataclass(frozen=True, slots=True)
class ReplyAccount:
    """One Reply user or team whose key we hold.

    Attributes:
        name: What the configuration calls it, `default` when only the environment is used.
        key: None when no key was found; reading is then impossible, planning is not.
        limits: Quota windows that replace the default ones of every API version, "" for those; `none` lifts the
            narrower ones of slow endpoints too.
        act_as: User a team key acts for: an id or an e-mail address (conventions.md 2).
        reserve: Share of every limit left to other applications, 0 to below 1.
    """

    name: str = "default"
    key: Secret | None = None
    base_url: str = DEFAULT_BASE_URL
    limits: str = ""
    act_as: str = ""
    reserve: float = 0.0
    found_in: str = field(default="", compare=False)

    def key_name(self) -> str:
        """A one-way name of key, server and acting user, for remembering which account they belong to."""
        return fingerprint(self.base_url, self.key.reveal() if self.key else "", self.act_as)


def load_account(
    name: str | None, folder: Path, *, base_url: str | None = None, limits: str | None = None
) -> ReplyAccount:
    """The account to use.

    Args:
        name: As in `[accounts.NAME]`; None for the only one there, or the environment's.
        folder: Where `bulkreply.toml` is looked for first, then the user's configuration folder.

    Raises:
        UsageProblem: There is no such account, or its key cannot be read.
    """
    found = _from_config(name, folder) if name or "REPLY_API_KEY" not in os.environ else None
    if found is None:
        if name:
            raise UsageProblem(f"there is no account {name!r}", hint=f"describe it in {CONFIG_NAME}: [accounts.{name}]")
        text = _for_a_header(os.environ.get("REPLY_API_KEY", "").strip(), "the variable REPLY_API_KEY")
        found = ReplyAccount(key=Secret(text) if text else None, found_in="REPLY_API_KEY")
        found = replace(found, base_url=os.environ.get("REPLY_BASE_URL", DEFAULT_BASE_URL))
    return replace(found, base_url=base_url or found.base_url, limits=limits or found.limits)


def require_key(account: ReplyAccount) -> Secret:
    """The account's key.

    Raises:
        UsageProblem: There is none.
    """
    if account.key is None:
        raise UsageProblem("there is no key", hint=f"set REPLY_API_KEY, or describe an account in {CONFIG_NAME}")
    return account.key


def _from_config(name: str | None, folder: Path) -> ReplyAccount | None:
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "bulkreply"
    for path in (folder / CONFIG_NAME, Path(CONFIG_NAME), home / CONFIG_NAME):
        if not path.is_file():
            continue
        try:
            accounts = tomllib.loads(path.read_text("utf-8")).get("accounts", {})
        except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
            words = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise UsageProblem(f"{path}: {error if isinstance(error, tomllib.TOMLDecodeError) else words}") from None
        except (RecursionError, ValueError):
            raise UsageProblem(f"{path}: not the TOML of a configuration") from None
        if not isinstance(accounts, dict) or not all(isinstance(table, dict) for table in accounts.values()):
            raise UsageProblem(f"{path}: accounts are tables", hint="[accounts.main]")
        wanted = name or ("default" if "default" in accounts else next(iter(accounts), ""))
        if wanted in accounts and (name or len(accounts) == 1 or wanted == "default"):
            return _account(wanted, accounts[wanted], path)
    return None


def _account(name: str, table: Mapping[str, Any], path: Path) -> ReplyAccount:
    where = f"{path} [accounts.{name}]"
    unknown = set(table) - _KEYS
    if unknown:
        raise UsageProblem(f"{where}: unknown key {sorted(unknown)[0]!r}", hint=f"known: {', '.join(sorted(_KEYS))}")
    limits, reserve = table.get("limits", ""), table.get("reserve", 0.0)
    if not isinstance(reserve, int | float) or not 0 <= reserve < 1:
        raise UsageProblem(f"{where}: reserve is a share of the quota", hint="from 0 to below 1, such as 0.2")
    return ReplyAccount(
        name=name,
        key=Secret(_key(table, where, path.parent)),
        base_url=str(table.get("base_url", DEFAULT_BASE_URL)),
        limits=",".join(map(str, limits)) if isinstance(limits, list) else str(limits),
        act_as=_for_a_header(str(table.get("act_as", "")), f"{where}: act_as"),
        reserve=float(reserve),
        found_in=str(path),
    )


def _key(table: Mapping[str, Any], where: str, folder: Path) -> str:
    if "key_env" in table:
        text, source = os.environ.get(str(table["key_env"]), ""), f"the variable {table['key_env']}"
    elif "key_file" in table:
        key_path = folder / Path(str(table["key_file"])).expanduser()
        try:
            text, source = key_path.read_text("utf-8"), f"the file {key_path}"
        except (OSError, ValueError):
            raise UsageProblem(f"{where}: the file {key_path} cannot be read as text") from None
    elif "key_command" in table:
        command = table["key_command"]
        try:
            words = [str(word) for word in command] if isinstance(command, list) else shlex.split(str(command))
            done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
        except (OSError, ValueError, IndexError, subprocess.SubprocessError):
            raise UsageProblem(f"{where}: key_command failed") from None
        text, source = done.stdout, "key_command"
    else:
        raise UsageProblem(f"{where}: no key", hint="give key_env, key_file or key_command")
    if not text.strip():
        raise UsageProblem(f"{where}: {source} is empty")
    return _for_a_header(text.strip(), f"{where}: {source}")


def _for_a_header(text: str, where: str) -> str:
    """A text that will stand in a header of requests; a line break in it would begin another header.

    Raises:
        UsageProblem: It has characters that cannot stand there.
    """
    if not (text.isascii() and text.isprintable()):
        raise UsageProblem(
            f"{where} holds characters that a key never has", hint="one line of plain letters and digits"
        )
    return text
