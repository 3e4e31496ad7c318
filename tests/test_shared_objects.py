"""What a helper does to an object that all tasks share, by what the catalog says.

Each helper waits for a process first, so that it would be handed to a thread. There it
must not touch what is not made for several threads, nor change the whole process.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from conftest import Made, Run

PROGRAM = """\
import asyncio
import subprocess
{imports}


class Service:
    def __init__(self, *args):
        {shared}

    def ask(self, x):
        subprocess.run(["true", str(x)], check=True)
        {does}

    async def handle(self, x):
        return self.ask(x)
"""


class Case(NamedTuple):
    """What a module imports, what its service holds, and what its helper does."""

    imports: str
    shared: str
    does: str


def _case(line: str) -> Case:
    imports, shared, does = (part.strip() for part in line.split("|"))
    return Case(imports, shared, does.replace("; ", "\n        "))


# imports | what is shared | what is done to it
CHANGES = """
import ast | self.tree = ast.parse("x") | ast.fix_missing_locations(self.tree)
import bisect | self.items = [] | bisect.insort(self.items, x)
from heapq import heappop | self.items = [1] | return heappop(self.items)
from bs4 import BeautifulSoup | self.soup = BeautifulSoup("<a/>") | self.soup.decompose()
import bz2 | self.packer = bz2.BZ2Compressor() | return self.packer.compress(x)
import zlib | self.packer = zlib.compressobj() | return self.packer.compress(x)
import calendar | pass | calendar.setfirstweekday(x)
import mimetypes | pass | mimetypes.add_type("a/b", x)
import csv | pass | csv.register_dialect("x", x)
import dotenv | pass | dotenv.load_dotenv(x)
import sys | pass | sys.path.append(x)
import gettext | pass | gettext.install(x)
import csv | self.writer = csv.writer(open("x", "w")) | self.writer.writerow([x])
import difflib | self.m = difflib.SequenceMatcher() | self.m.set_seq2(x); return self.m.ratio()
import hashlib | self.hash = hashlib.sha256() | self.hash.update(x)
import hmac | self.hash = hmac.new(b"", digestmod="md5") | self.hash.update(x)
from email.message import EmailMessage | self.mail = EmailMessage() | self.mail.set_content(x)
from html.parser import HTMLParser | self.parser = HTMLParser() | self.parser.feed(x)
import html2text | self.text = html2text.HTML2Text() | return self.text.handle(x)
import markdown | self.md = markdown.Markdown() | return self.md.convert(x)
import markdown2 | self.md = markdown2.Markdown() | return self.md.convert(x)
from http.cookiejar import CookieJar | self.jar = CookieJar() | self.jar.set_cookie(x)
from http.cookies import SimpleCookie | self.jar = SimpleCookie() | self.jar.load(x)
import httpx | self.client = httpx.Client() | self.client.headers.update({"a": x})
import httpx | self.client = httpx.Client() | self.client.cookies.set("a", x)
import jinja2 | self.env = jinja2.Environment() | self.env.add_extension(x)
import msgpack | self.packer = msgpack.Packer() | return self.packer.pack(x)
import msgpack | self.packer = msgpack.Unpacker() | self.packer.feed(x); return list(self.packer)
import openpyxl | self.book = openpyxl.Workbook() | self.book.active.append([x])
import pypdf | self.writer = pypdf.PdfWriter() | self.writer.add_page(x)
import tarfile | self.tar = tarfile.open("x.tar", "w") | self.tar.add(x)
import zipfile | self.zip = zipfile.ZipFile("x.zip", "w") | self.zip.write(x)
from urllib.robotparser import RobotFileParser | self.robots = RobotFileParser() | self.robots.parse(x)
from collections import deque | self.items = deque() | self.items.append(x)
from collections import OrderedDict | self.items = OrderedDict() | self.items.move_to_end(x)
import random | self.items = [1] | random.shuffle(self.items)
import numpy as np | self.array = np.zeros(3) | self.array.sort()
import numpy as np | self.array = np.zeros(3) | np.copyto(self.array, x)
import numpy as np | self.array = np.zeros(3) | np.add(self.array, x, out=self.array)
import struct | self.buffer = bytearray(9) | struct.pack_into("i", self.buffer, 0, x)
| self.buffer = bytearray(9) | open(x, "rb").readinto(self.buffer)
import operator | self.items = [] | operator.iadd(self.items, x)
import operator | self.items = {} | operator.setitem(self.items, x, 1)
import settings | pass | vars(settings)["x"] = x
| self.items = {} | vars(self)["items"] = x
| self.items = {} | dict.update(self.items, x)
| self.items = [] | list.append(self.items, x)
| self.items = [] | list(map(self.items.append, x))
import json | self.file = open("x", "w") | json.dump(x, self.file)
import pprint | self.file = open("x", "w") | pprint.pprint(x, self.file)
| self.file = open("x", "w") | print(x, file=self.file)
import yaml | self.file = open("x", "w") | yaml.dump(x, self.file)
"""
HARMLESS = """
import threading | self.event = threading.Event() | self.event.set()
import re | self.pattern = re.compile("a") | return self.pattern.search(str(x)).group()
import logging | self.log = logging.getLogger("a") | self.log.info("%s", x)
from pathlib import Path | self.folder = Path("a") | return (self.folder / str(x)).suffix
import markdown | pass | return markdown.markdown(str(x))
import html2text | pass | return html2text.HTML2Text().handle(str(x))
import msgpack | pass | return msgpack.Packer().pack(x)
import openpyxl | pass | book = openpyxl.Workbook(); book.active.append([1]); return book
import bz2 | pass | packer = bz2.BZ2Compressor(); return packer.compress(b"a")
import numpy as np | pass | array = np.zeros(3); array.sort(); return np.add(array, 1, out=array)
import json | pass | json.dump(1, open("x", "w"))
import argparse | pass | return dict(vars(argparse.Namespace(a=1)))
from http.cookies import SimpleCookie | pass | jar = SimpleCookie(); jar.load("a=1"); return jar
| pass | items = []; list.append(items, 1); return items
import struct | pass | buffer = bytearray(9); struct.pack_into("i", buffer, 0, 1); return buffer
"""


def _levels(run: Run, made: Made, cases: list[Case]) -> list[str]:
    programs = [PROGRAM.format(**case._asdict()) for case in cases]
    files = {f"m{at:02}.py": text for at, text in enumerate(programs)}
    made({**files, "settings.py": "x = 1\n"})
    found = json.loads(run("--format", "json").text)["findings"]
    levels = {
        each["path"]: each["level"]
        for each in found
        if "ask" in each["message"] and each["codemod"] == "blocking-call"
    }
    return [levels[name] for name in sorted(levels)]


def test_what_a_thread_would_change_for_all_is_not_safe(run: Run, made: Made) -> None:
    cases = [_case(line) for line in CHANGES.strip().splitlines()]
    levels = _levels(run, made, cases)
    assert len(levels) == len(cases)
    taken = [c for c, level in zip(cases, levels, strict=True) if level == "safe"]
    assert taken == []


def test_what_nobody_else_sees_is_safe(run: Run, made: Made) -> None:
    cases = [_case(line) for line in HARMLESS.strip().splitlines()]
    levels = _levels(run, made, cases)
    assert len(levels) == len(cases)
    refused = [c for c, level in zip(cases, levels, strict=True) if level != "safe"]
    assert refused == []
