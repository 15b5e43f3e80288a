"""The README, the tutorial and the page on testing do what they say: every Python block runs, and every transcript is
held.

A `python` block is a whole program. It runs in a process of its own, as it stands on the page but for its port:
8080 becomes 0, so that the kernel picks a free one. A block whose first line is `# name.py` is saved under that
name, beside the other blocks of its page, so that later ones can import it.

Under a block, `console` is what somebody does and sees in another terminal: a raw socket sends what stands left of
`nc`, and must get the lines below it. `text` is what the program prints, with `...` for what varies. A program that
serves until it is stopped is stopped when its transcripts are through: the pages need no code for that.
"""

from __future__ import annotations

import re
import shlex
import signal
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from reactor.testing import Peer
from tests.support.programs import ROOT, running

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md", ROOT / "docs" / "testing.md"]


@dataclass
class Block:
    """A program of a page, and what the page shows of it."""

    page: Path
    number: int
    code: str
    consoles: list[str] = field(default_factory=list)
    printed: str | None = None

    @property
    def file_name(self) -> str:
        named = re.match(r"# (\w+\.py)\n", self.code)
        return named[1] if named else f"block_{self.number}.py"

    @property
    def serves(self) -> bool:
        return "8080" in self.code

    def __str__(self) -> str:
        return f"{self.page.stem}-{self.number}"


def blocks_of(page: Path) -> list[Block]:
    found: list[Block] = []
    for language, text in FENCE.findall(page.read_text()):
        if language == "python":
            found.append(Block(page, len(found) + 1, text))
        elif language == "console":
            found[-1].consoles.append(text)
        elif language == "text":
            found[-1].printed = text
        else:
            assert language in ("sh", "mermaid"), f"{page.name}: a block of {language or 'no language'}"
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_of_the_pages_runs_and_does_what_stands_below_it(block: Block, tmp_path: Path) -> None:
    for sibling in blocks_of(block.page):
        (tmp_path / sibling.file_name).write_text(sibling.code.replace("8080", "0"))
    with running(str(tmp_path / block.file_name)) as program:
        if block.serves:
            address = program.address()
            for console in block.consoles:
                play(console, address)
        else:
            assert not block.consoles
        if block.printed is not None:
            compare(block.printed, program.printed(block.printed.count("\n")))
        if block.serves:
            program.ask_to_stop()
        status, _ = program.finish()
    stops_in_order = not block.serves or "serve(" in block.code
    assert status == (0 if stops_in_order else -signal.SIGTERM)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_server_of_a_page_is_tried_from_another_terminal(page: Path) -> None:
    assert [str(block) for block in blocks_of(page) if block.serves and not (block.consoles or block.printed)] == []


def play(console: str, address: tuple[str, int]) -> None:
    """Do what a transcript says, and hold the server to the answers."""
    for step in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        with Peer(address, timeout=10) as client:
            client.send(sent_by(command))
            assert client.receive(len(expected)).decode() == expected, command
            client.end()
            assert client.receive_all() == (b"", "FIN"), f"more than {command} shows"


def sent_by(command: str) -> bytes:
    """What `printf '...' | nc -N 127.0.0.1 8080` and `head -c N /dev/zero | nc -N 127.0.0.1 8080` send."""
    left, bar, right = command.rpartition(" | ")
    known = "nc -N 127.0.0.1 8080" if bar else "nc 127.0.0.1 8080"
    assert right == known, f"not a command that this test knows: {command}"
    words = shlex.split(left) if bar else ["printf", ""]
    if words[0] == "printf":
        return words[1].encode().decode("unicode_escape").encode()
    assert (words[:2], words[3:]) == (["head", "-c"], ["/dev/zero"]), command
    return bytes(int(words[2]))


def compare(wanted: str, printed: str) -> None:
    """`...` stands for anything within its line."""
    for pattern, line in zip(wanted.splitlines(), printed.splitlines(), strict=False):
        escaped = re.sub(r"([\[\]?*])", r"[\1]", pattern)
        assert fnmatchcase(line, escaped.replace("...", "*")), f"{line!r} is not like {pattern!r}"
