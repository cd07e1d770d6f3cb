"""The key and addresses in what people paste into reports: reprs, messages, tracebacks of internal errors."""

from __future__ import annotations

import copy
import logging
import pickle
import subprocess
import sys
import traceback

import aiohttp
import pytest

from bulkreply.accounts import load_account
from bulkreply.secrets import Secret, redact
from tests.canary import KEY_CANARY, Leak, check_said
from tests.flow.scripted import Asked, Said, scripted
from tests.support import Bulkreply

FALL = """
import sys
seen = []
def fall(event, arguments):
    if event == "socket.connect":
        seen.append(event)
        if len(seen) > 1:
            raise RuntimeError("the floor is gone")
sys.addaudithook(fall)
sys.argv = ["bulkreply", *sys.argv[1:]]
from bulkreply.__main__ import main
main()
"""


def test_a_key_is_in_no_text_made_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("REPLY_API_KEY", KEY_CANARY)
    account = load_account(None, tmp_path)
    key = account.key
    assert isinstance(key, Secret) and key.reveal() == KEY_CANARY
    for text in (
        repr(key),
        str(key),
        f"{key}",
        f"{key:>40}",
        f"{key} {key!r}",
        repr(account),
        repr([key]),
        ascii(key),
    ):
        assert KEY_CANARY not in text
    for write in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            write(key)
    record = logging.LogRecord("x", 40, __file__, 1, "refused %s", (account,), None)
    assert KEY_CANARY not in record.getMessage() + account.key_name()


def test_addresses_are_taken_out_of_words() -> None:
    for text in ("ada@example.com", "GET /v3/contacts?email=ada%40example.com", "<ada.b+c@example.co.uk>, failed"):
        assert "example.c" not in redact(text), text


@pytest.mark.parametrize("verbose", [True, False])
def test_an_internal_error_tells_neither(bulkreply: Bulkreply, verbose: bool) -> None:
    """The machine itself fails under the program: an audit hook of Python's raises where a second socket is opened."""
    bulkreply.write("contacts.csv", "Email,First\nada@example.com,Ada\n")
    job = "job: fall\nfrom: {file: contacts.csv}\nto: {object: contacts}\nmap: {email: Email, firstName: First}\n"
    words = ("-v", "run") if verbose else ("run",)

    def refuse(_: Asked) -> Said:
        return Said(500, headers={"Connection": "close"})

    with scripted(refuse) as server:
        command = [sys.executable, "-c", FALL, *words, str(bulkreply.write("fall.yaml", job)), "--base-url", server.url]
        done = subprocess.run(
            command, cwd=bulkreply.folder, env=bulkreply.environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 1, done.stderr
    assert ("Traceback" in done.stderr, "RuntimeError" in done.stderr) == (verbose, True), done.stderr
    assert KEY_CANARY not in done.stdout + done.stderr
    assert "ada@example.com" not in done.stdout + done.stderr


async def test_the_canary_of_that_the_library_s_own_errors_tell_both() -> None:
    with scripted(lambda _: Said(403)) as server:
        async with aiohttp.ClientSession(headers={"X-Api-Key": KEY_CANARY}) as session:
            with pytest.raises(aiohttp.ClientResponseError) as caught:
                async with session.get(server.url + "/v3/contacts?email=ada@example.com") as response:
                    response.raise_for_status()
    said = repr(caught.value) + "".join(traceback.format_exception(caught.value))
    assert KEY_CANARY in said and "ada@example.com" in said
    with pytest.raises(Leak):
        check_said(("run",), "", said)
