"""What the command line accepts, what it says about itself, and how it refuses the rest."""

from __future__ import annotations

import ipaddress
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor.cli import apps
from reactor.cli.errors import Unusable
from reactor.cli.options import parse
from reactor.cli.process import main
from reactor.cli.values import option_of
from reactor.net.fields import Setting
from reactor.net.limits import Excess, Rate, Speed
from reactor.net.settings import ServerSettings, Settings

EXPECTED_APP = "expected echo, goodbye, discard, chargen, relay or module:callable"
FIELDS = [*Settings.FIELDS.values(), *ServerSettings.FIELDS.values()]
# One value that is not the default for each setting: what is typed, and what the server then gets.
TYPED: dict[str, tuple[list[str], Any]] = {
    "idle_timeout": (["--idle-timeout", "60"], 60.0),
    "read_timeout": (["--read-timeout", "0.5"], 0.5),
    "write_timeout": (["--write-timeout", "none"], None),
    "linger_timeout": (["--linger-timeout", "1e1"], 10.0),
    "half_open_timeout": (["--half-open-timeout=90"], 90.0),
    "first_byte_timeout": (["--first-byte-timeout", "5"], 5.0),
    "max_lifetime": (["--max-lifetime", "3600"], 3600.0),
    "jitter": (["--jitter", "10"], 10.0),
    "slow_reader": (["--slow-reader", "1000000,30"], Excess(1_000_000, 30.0)),
    "min_read_rate": (["--min-read-rate", "240"], Speed(240.0, 5.0)),
    "min_write_rate": (["--min-write-rate", "240,10"], Speed(240.0, 10.0)),
    "on_idle": (["--on-idle", "reset"], "reset"),
    "allow_half_open": (["--allow-half-open"], True),
    "pause_on_connect": (["--pause-on-connect"], True),
    "no_delay": (["--no-no-delay"], False),
    "oob_inline": (["--oob-inline"], True),
    "keep_alive": (["--keep-alive", "30"], 30.0),
    "high_water": (["--high-water", "0"], 0),
    "low_water": (["--low-water", "1024"], 1024),
    "buffer_limit": (["--buffer-limit", "1048576"], 1048576),
    "max_connections": (["--max-connections", "10"], 10),
    "max_per_address": (["--max-per-address", "3"], 3),
    "accept_rate": (["--accept-rate", "100, 200"], Rate(100.0, 200)),
    "when_full": (["--when-full", "wait"], "wait"),
    "block": (["--block", "10.0.0.0/8"], (ipaddress.ip_network("10.0.0.0/8"),)),
    "allow": (["--allow", "10.0.0.0/8"], (ipaddress.ip_network("10.0.0.0/8"),)),
    "memory_limit": (["--memory-limit", "1000000000"], 1_000_000_000),
    "give_up_idle": (["--give-up-idle", "300"], 300.0),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current directory, and no trace of what was imported from it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def refusal(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """What is said of arguments that cannot be used: one line on stderr, and status 2."""
    with pytest.raises(Unusable):  # first: main() would serve
        parse(argv)
    assert main(argv) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("reactor: ")
    assert said.err.endswith("\n")
    assert said.err.count("\n") == 1
    return said.err.removeprefix("reactor: ").rstrip("\n")


# Help.


def help_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """On a terminal so wide that no sentence is broken."""
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_help_tells_of_every_setting_its_meaning_and_default(
    field: Setting, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = help_text(capsys, monkeypatch)
    assert f"  {option_of(field.name)}" in text
    assert field.help in text


def test_help_shows_defaults_with_units(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = help_text(capsys, monkeypatch)
    for part in (
        "--write-timeout SECONDS       reset a connection that has taken none of its pending output for this long "
        "(default: 60 s)",
        "--idle-timeout SECONDS        close a connection that has been idle for this long (default: none)",
        "(default: 65536 bytes)",
        "(default: 127.0.0.1)",
        "(default: 8080)",
        "(default: 10 s)",
    ):
        assert part in text


def test_help_tells_of_every_app_and_of_ones_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = help_text(capsys, monkeypatch)
    for name, (_, what) in apps.BUILT_IN.items():
        assert f"  {name}" in text
        assert what in text
    assert "module:callable" in text
    assert "examples:" in text


def test_help_fits_80_columns_and_ascii(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["--help"])
    options = capsys.readouterr().out
    assert options.isascii()
    assert max(map(len, options.splitlines())) <= 80


# Values.


def test_every_setting_has_an_option_that_is_tested_here() -> None:
    assert TYPED.keys() == {field.name for field in FIELDS}


@pytest.mark.parametrize("name", TYPED)
def test_an_option_is_its_setting(name: str) -> None:
    argv, value = TYPED[name]
    found = parse(["echo", *argv]).settings
    assert found == {name: value}
    assert type(found[name]) is type(value)


def test_what_is_not_given_is_left_to_the_library() -> None:
    options = parse(["echo"])
    assert options.settings == {}
    assert (options.host, options.port, options.grace) == ("127.0.0.1", 8080, 10.0)
    assert (options.debug, options.level) == (False, logging.INFO)


@pytest.mark.parametrize(
    "argv",
    [
        ["--block", "10.0.0.0/8,::1/128"],
        ["--block", "10.0.0.0/8, ::1/128"],
        ["--block", "10.0.0.0/8", "--block", "::1/128"],
    ],
)
def test_networks_are_separated_by_commas_or_given_one_by_one(argv: list[str]) -> None:
    networks = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))
    assert parse(["echo", *argv]).settings == {"block": networks}


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("45", 45.0)])
def test_keep_alive_is_yes_no_or_seconds(text: str, value: object) -> None:
    assert parse(["echo", "--keep-alive", text]).settings == {"keep_alive": value}


def test_host_none_is_all_addresses() -> None:
    assert parse(["echo", "--host", "none"]).host is None


def test_a_path_takes_the_place_of_host_and_port() -> None:
    options = parse(["echo", "--path", "/run/x.sock"])
    assert (options.path, options.mode, options.host, options.port) == ("/run/x.sock", None, None, 0)
    assert parse(["echo"]).path is None


@pytest.mark.parametrize(("text", "mode"), [("660", 0o660), ("0600", 0o600), ("0", 0), ("777", 0o777)])
def test_a_mode_is_octal_as_of_chmod(text: str, mode: int) -> None:
    assert parse(["echo", "--path", "/run/x.sock", "--mode", text]).mode == mode


# Refusals.


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ("--port 70000", "--port must be from 0 to 65535, not 70000"),
        ("--port -1", "--port must be from 0 to 65535, not -1"),
        ("--port http", "--port must be a whole number from 0 to 65535, not 'http'"),
        ("--backlog 0", "--backlog must be from 1 to 2147483647, not 0"),
        ("--grace -1", "--grace must be 0 or more seconds and finite, not -1"),
        ("--spread nan", "--spread must be 0 or more seconds and finite, not nan"),
        ("--spread 20", "--spread must be at most --grace (10), not 20"),
        ("--grace none", "--grace must be a number of seconds, not None"),
        ("--host=", "--host must be a name, an address or none, not ''"),
        ("--idle-timeout 0", "--idle-timeout must be more than 0 seconds and finite, not 0"),
        ("--read-timeout -5", "--read-timeout must be more than 0 seconds and finite, not -5"),
        ("--write-timeout 1min", "--write-timeout must be a number of seconds, not '1min'"),
        ("--linger-timeout inf", "--linger-timeout must be more than 0 seconds and finite, not inf"),
        ("--half-open-timeout true", "--half-open-timeout must be a number of seconds, not True"),
        ("--on-idle sleep", "--on-idle must be one of 'close', 'reset', not 'sleep'"),
        ("--when-full panic", "--when-full must be one of 'drop', 'reset', 'wait', not 'panic'"),
        ("--keep-alive maybe", "--keep-alive must be True, False or a number of seconds, not 'maybe'"),
        ("--high-water 64k", "--high-water must be a whole number 0 or more, not '64k'"),
        ("--low-water 1.5", "--low-water must be a whole number 0 or more, not 1.5"),
        ("--buffer-limit none", "--buffer-limit must be a whole number 0 or more, not None"),
        ("--high-water 10 --low-water 20", "low_water must be at most high_water (10), not 20"),
        ("--max-connections 0", "--max-connections must be 1 or more, not 0"),
        ("--slow-reader 5", "--slow-reader must be a pair of bytes and seconds, like (1000000, 30), not 5"),
        (
            "--accept-rate 100,0",
            "--accept-rate must be connections a second, or a pair of these and a burst, like (100, 200), "
            "not (100, 0): a burst of less than 1 lets nobody in",
        ),
        ("--path=", "--path must not be empty, which '' is"),
        ("--path " + "x" * 120, f"--path must be at most 107 bytes long, not 120: '{'x' * 60}..."),
        ("--path x --host 127.0.0.1", "--path and --host exclude each other"),
        ("--host none --path x", "--path and --host exclude each other"),
        ("--path x --port 8080", "--path and --port exclude each other"),
        ("--mode 660", "--mode is for --path only: it is the mode of the socket's file"),
        ("--path x --mode 888", "--mode must be octal digits up to 777, as of chmod, not '888'"),
        ("--path x --mode 1777", "--mode must be octal digits up to 777, as of chmod, not '1777'"),
        ("--path x --mode u+w", "--mode must be octal digits up to 777, as of chmod, not 'u+w'"),
        ("--path x --mode 0o660", "--mode must be octal digits up to 777, as of chmod, not '0o660'"),
        ("--path x --mode none", "--mode must be octal digits up to 777, as of chmod, not 'none'"),
        ("--port", "argument --port: expected one argument (--help shows all options)"),
        ("--idle 5", "unknown option --idle: did you mean --on-idle?"),
        ("--idle-timeuot 5", "unknown option --idle-timeuot: did you mean --idle-timeout?"),
        ("--idle_timeout=5", "unknown option --idle_timeout: did you mean --idle-timeout?"),
        ("-prot 80", "unknown option -prot: did you mean --port?"),
        ("--bogus", "unknown option --bogus (--help shows all options)"),
        ("more", "unexpected argument 'more' after APP (--help shows all options)"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_was_expected(
    argv: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(capsys, "echo", *argv.split()) == sentence


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ("relay", "relay needs --to HOST:PORT or --to PATH, the server to connect its clients to"),
        ("relay --to x", "--to must be like host:80, [::1]:80 or /path/of.sock, not 'x'"),
        ("relay --to ::1:80", "--to must be like host:80, [::1]:80 or /path/of.sock, not '::1:80'"),
        ("relay --to :80", "--to must be like host:80, [::1]:80 or /path/of.sock, not ':80'"),
        ("relay --to host:http", "the port of --to must be a whole number from 1 to 65535, not 'http'"),
        ("relay --to host:0", "the port of --to must be from 1 to 65535, not 0"),
        ("relay --to /" + "x" * 120, f"--to must be at most 107 bytes long, not 121: '/{'x' * 59}..."),
        ("relay --to a:1 --connect-timeout 0", "--connect-timeout must be more than 0 seconds and finite, not 0"),
        ("relay --to 127.0.0.1:8080", "--to must be another address than where relay listens, not '127.0.0.1:8080'"),
        ("echo --to 60", "--to is for relay only, not for echo"),
        ("echo --to a:1", "--to is for relay only, not for echo"),
        ("echo --connect-timeout 5", "--connect-timeout is for relay only, not for echo"),
    ],
)
def test_what_relay_cannot_use_is_named_with_what_was_expected(
    argv: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(capsys, *argv.split()) == sentence


@pytest.mark.parametrize(
    ("argv", "beginning"),
    [
        ("--block 10.0.0.0/8,here", "--block must be a list of networks like '10.0.0.0/8': 'here' "),
        ("--keep-alive 1e300", "--keep-alive must be "),  # what the kernel takes ends before
        ("--log-level loud", "argument --log-level: invalid choice: 'loud'"),
    ],
)
def test_a_value_whose_reason_is_somebody_elses_is_named_too(
    argv: str, beginning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(capsys, "echo", *argv.split()).startswith(beginning)


def test_without_an_app_it_asks_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys) == "the following arguments are required: APP (--help shows all options)"


@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        ("ecko", f"unknown app 'ecko' (did you mean 'echo'?): {EXPECTED_APP}"),
        ("mine:", "APP must be like package.module:callable, not 'mine:'"),
        (":greet", "APP must be like package.module:callable, not ':greet'"),
        ("./mine.py:greet", "APP must be like package.module:callable, not './mine.py:greet'"),
        ("nowhere:greet", "cannot import nowhere: ModuleNotFoundError: No module named 'nowhere'"),
        ("colour", f"unknown app 'colour': {EXPECTED_APP}"),
        ("mine:gret", "mine has no attribute 'gret' (did you mean 'greet'?), which mine:gret asks for"),
        ("mine:nothing", "mine has no attribute 'nothing', which mine:nothing asks for"),
        ("mine:greet.nothing", "mine has no attribute 'nothing', which mine:greet.nothing asks for"),
        ("mine:number", "mine:number must be callable, not of type int"),
        ("mine:later", "mine:later must be a plain function, not a coroutine function"),
        ("mine:none", "mine:none must take one argument, the connection"),
    ],
)
def test_an_app_that_cannot_be_used_is_named_with_the_reason(
    app: str, sentence: str, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "mine.py").write_text(
        "number = 5\ndef greet(conn): pass\nasync def later(conn): pass\ndef none(): pass\n"
    )
    assert refusal(capsys, app) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("raise ValueError('two\\nlines')", "cannot import broken: ValueError: two lines ({file}, line 1)"),
        ("\nimport nowhere", "cannot import broken: ModuleNotFoundError: No module named 'nowhere' ({file}, line 2)"),
        ("open('nowhere')", "cannot import broken: No such file or directory ({file}, line 1)"),
        ("\n\nraise SystemExit(3)", "cannot import broken: SystemExit: 3 ({file}, line 3)"),
        ("def greet(conn:", "cannot import broken: SyntaxError: '(' was never closed ({file}, line 1)"),
    ],
)
def test_a_module_that_raises_at_import_is_one_line_with_the_place(
    text: str, sentence: str, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "broken.py").write_text(text)
    assert refusal(capsys, "broken:greet") == sentence.format(file=folder / "broken.py")


def test_an_interrupt_while_the_module_is_imported_is_one_line_and_status_1(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "slow.py").write_text("raise KeyboardInterrupt")
    assert main(["slow:greet"]) == 1
    assert capsys.readouterr().err == "reactor: interrupted before it could start\n"
