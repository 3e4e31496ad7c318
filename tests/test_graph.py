"""`asyncfix graph` and `asyncfix hot`: who holds the loop, drawn and ranked."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asyncfix import graph

if TYPE_CHECKING:
    from conftest import Made, Run

PROJECT = {
    "api.py": """\
import asyncio
import time

from fastapi import FastAPI
from helpers import load

app = FastAPI()


async def outer():
    await inner()
    open("x")


@app.get("/")
async def inner():
    load("")


async def free():
    await asyncio.sleep(1)


async def ping(n):
    await pong(n)


async def pong(n):
    time.sleep(1)
    await ping(n)
""",
    "helpers.py": "import requests\n\n\ndef load(url):\n    return requests.get(url)\n",
    "tests/test_api.py": "from api import outer\n\n\nasync def test_it():\n    await outer()\n",
}
ESCAPES = {"\\n": "\n", "\\\\": "\\", '\\"': '"'}
FORMATS = ("dot", "mermaid", "json")
HOSTILE = {
    'q"; n0 -> evil [a="\n\x1b[2J&lt;#quot;.py': "import time\n\n\nasync def ü():\n    time.sleep(1)\n",
    "plain_file_.py": (
        (
            "import time\n\n\nclass Box[T]:\n    async def __aenter__(self):\n"
            "        time.sleep(1)\n\n\nasync def f():\n    time.sleep(1); time.sleep(2)\n"
        )
        if sys.version_info >= (3, 12)
        else "import time\n\n\nasync def f():\n    time.sleep(1); time.sleep(2)\n"
    ),
}


def nodes(document: Any) -> dict[str, dict[str, Any]]:
    return {node["id"]: node for node in document["nodes"]}


def test_the_json_holds_every_way(run: Run, made: Made) -> None:
    made(PROJECT)
    ran = run("graph", "--format", "json")
    assert ran.code == 0
    document = ran.json
    assert document["severity"] == "medium"
    assert document["problems"] == []
    assert nodes(document)["api.py:10:outer"] == {
        "id": "api.py:10:outer", "name": "outer", "file": "api.py", "line": 10,
        "kind": "coroutine", "severity": "high",
    }  # fmt: skip
    assert nodes(document)["helpers.py:5:12:requests.get"] == {
        "id": "helpers.py:5:12:requests.get", "name": "requests.get",
        "file": "helpers.py", "line": 5, "kind": "blocking", "severity": "high",
        "category": "http",
    }  # fmt: skip
    assert nodes(document)["helpers.py:4:load"]["kind"] == "function"
    ways = {(e["from"], e["to"]): e for e in document["edges"]}
    assert ways["api.py:10:outer", "api.py:16:inner"] == {
        "from": "api.py:10:outer", "to": "api.py:16:inner", "file": "api.py",
        "line": 11, "awaited": True,
    }  # fmt: skip
    assert not ways["api.py:16:inner", "helpers.py:4:load"]["awaited"]
    assert ("helpers.py:4:load", "helpers.py:5:12:requests.get") in ways
    assert not any("free" in each or "test_it" in each for each in nodes(document))


@pytest.mark.parametrize("severity", ["high", "medium", "low"])
def test_severity_and_tests_say_what_is_drawn(
    run: Run, made: Made, severity: str
) -> None:
    made(PROJECT)
    ran = run("graph", "--format", "json", "--tests", "--severity", severity)
    names = {node["name"] for node in ran.json["nodes"]}
    assert "test_it" in names
    assert ("builtins.open" in names) is (severity != "high")


def test_limit_takes_the_worst_entry_points(run: Run, made: Made) -> None:
    made(PROJECT)
    ran = run("graph", "--format", "json", "--limit", "1")
    assert {node["name"] for node in ran.json["nodes"]} == {
        "outer", "inner", "load", "requests.get", "builtins.open",
    }  # fmt: skip


def read_dot(text: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Read what `as_dot` may write, as Graphviz does, and nothing else."""
    first, *lines, last = text.rstrip("\n").split("\n")
    assert (first, last) == ("digraph asyncfix {", "}")
    string = r'"((?:[^"\\\x00-\x1f]|\\[\\"n])*)"'
    labels, edges = {}, []
    for line in lines[2:]:
        node = re.fullmatch(
            rf"  (n\d+) \[label={string}, fillcolor={string}(?:, \w+=\w+)*\];", line
        )
        edge = re.fullmatch(
            r'  (n\d+) -> (n\d+) \[label="\d+"(?:, style=dashed)?\];', line
        )
        assert node or edge, line
        if node:
            label = re.sub(r"\\.", lambda match: ESCAPES[match[0]], node[2])
            labels[node[1]] = html.unescape(label)
        if edge:
            edges.append((edge[1], edge[2]))
    return labels, edges


def read_mermaid(text: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Read what `as_mermaid` may write, and nothing else."""
    first, *lines = text.rstrip("\n").split("\n")
    assert first == "flowchart LR"
    labels, edges = {}, []
    for line in lines[:-3]:
        node = re.fullmatch(
            r'  (n\d+)(?:\(\[|\[|\{\{)"((?:[\w\s.,:/()-]|#\d+;|<br/>)*)"'
            r"(?:\]\)|\]|\}\})(?::::\w+)?",
            line,
        )
        edge = re.fullmatch(r'  (n\d+) -(?:\.-|-)>\|"\d+"\| (n\d+)', line)
        assert node or edge, line
        if node:
            label = node[2].replace("<br/>", "\n")
            labels[node[1]] = re.sub(r"#(\d+);", lambda m: chr(int(m[1])), label)
        if edge:
            edges.append((edge[1], edge[2]))
    assert all(line.startswith("  classDef ") for line in lines[-3:])
    return labels, edges


@pytest.mark.parametrize("files", [PROJECT, HOSTILE, {"a.py": "x = 1\n"}])
@pytest.mark.parametrize("style", ["dot", "mermaid"])
def test_pictures_say_what_the_json_says(
    run: Run, made: Made, style: str, files: dict[str, str]
) -> None:
    made(files)
    document = run("graph", "--format", "json").json
    ran = run("graph", "--format", style)
    assert ran.code == 0
    assert b"\x1b" not in ran.out
    labels, edges = (read_dot if style == "dot" else read_mermaid)(ran.text)
    wanted = [
        f"{node['name']}\n{node['file']}:{node['line']}"
        + (f"\n{node['category']}, {node['severity']}" if "category" in node else "")
        for node in document["nodes"]
    ]
    shown = [each.replace("\x1b", "\\x1b") for each in wanted]
    shown = [each.replace('="\n', '="\\x0a') for each in shown]
    assert list(labels.values()) == shown
    numbers = {node["id"]: f"n{n}" for n, node in enumerate(document["nodes"])}
    assert edges == [
        (numbers[edge["from"]], numbers[edge["to"]]) for edge in document["edges"]
    ]


def test_what_markdown_would_read_is_escaped_for_mermaid() -> None:
    node = graph.Node(
        "i", "1. __x__ `a` a_b <module> C[T]", "-f.py", 1, "function", "low"
    )
    label = graph.as_mermaid(graph.Graph((node,), ())).split("\n")[1]
    assert label == (
        '  n0["#49;. #95;#95;x#95;#95; #96;a#96; a_b #60;module#62; C#91;T#93;'
        '<br/>#45;f.py:1"]'
    )


def test_two_functions_on_one_line_are_two_nodes(run: Run, made: Made) -> None:
    made(
        {
            "a.py": "import time\nclass A:\n    async def f(self): time.sleep(1); time.sleep(1)\n"
        }
    )
    document = run("graph", "--format", "json").json
    assert len(nodes(document)) == len(document["nodes"]) == 3


def test_a_large_picture_is_noted(
    run: Run, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "MOST_OF_MERMAID", 1)
    made(PROJECT)
    assert "Mermaid draws 1 " in run("graph", "--format", "mermaid").said
    assert run("graph", "--format", "dot").err == b""


# -- hot --------------------------------------------------------------------


def test_hot_ranks_the_entry_points(run: Run, made: Made) -> None:
    made(PROJECT)
    ran = run("hot")
    assert ran.code == 0
    assert ran.text.splitlines() == [
        "1. api.py:10: outer",
        "    1 high, 1 medium (file 1, http 1)",
        "    worst: inner (api.py:11) -> load (api.py:17) -> requests.get "
        "(helpers.py:5) [http, high]",
        "2. api.py:16: inner [registered by fastapi.FastAPI.get]",
        "    1 high (http 1)",
        "    worst: load (api.py:17) -> requests.get (helpers.py:5) [http, high]",
        "3. api.py:24: ping [in a circle of calls]",
        "    1 high (sleep 1)",
        "    worst: pong (api.py:25) -> time.sleep (api.py:29) [sleep, high]",
        "4. api.py:28: pong [in a circle of calls]",
        "    1 high (sleep 1)",
        "    worst: time.sleep (api.py:29) [sleep, high]",
    ]


def test_hot_in_json(run: Run, made: Made) -> None:
    made(PROJECT)
    document = run("hot", "--format", "json", "--limit", "2").json
    assert document["total"] == 4
    first, second = document["entries"]
    assert first["severities"] == {"high": 1, "medium": 1, "low": 0}
    assert first["kinds"] == {"file": 1, "http": 1}
    assert (first["registered"], first["circle"]) == (None, False)
    assert second["registered"] == "fastapi.FastAPI.get"
    assert first["worst"]["name"] == "requests.get"
    assert [step["file"] for step in first["worst"]["steps"]] == [
        "api.py", "api.py", "helpers.py",
    ]  # fmt: skip


def test_hot_says_what_it_leaves_out(run: Run, made: Made) -> None:
    made(PROJECT)
    assert "and 3 more (--limit)" in run("hot", "--limit", "1").said
    assert "test_it" in run("hot", "--tests").text
    made({"api.py": "x = 1\n", "tests/test_api.py": ""})
    ran = run("hot")
    assert (ran.code, ran.out) == (0, b"")
    assert "no entry point is known to block" in ran.said


def test_a_call_that_two_ways_lead_to_counts_once(run: Run, made: Made) -> None:
    made(
        {
            "a.py": "import time\n\n\ndef nap():\n    time.sleep(1)\n\n\ndef left():\n"
            "    nap()\n\n\ndef right():\n    nap()\n\n\nasync def f():\n    left()\n    right()\n"
        }
    )
    assert "1 high (sleep 1)" in run("hot").text


# -- both -------------------------------------------------------------------


@pytest.mark.parametrize("command", ["graph", "hot"])
def test_errors_are_told_and_are_2(run: Run, made: Made, command: str) -> None:
    made({**PROJECT, "broken.py": "x = (\n"})
    ran = run(command)
    assert ran.code == 2
    assert "broken.py:1: error: does not parse" in ran.said
    assert "outer" in ran.text
    document = run(command, "--format", "json").json
    assert [each["path"] for each in document["problems"]] == ["broken.py"]
    assert run(command, "gone").code == 2
    assert run(command, "--severity", "worst").code == 2
    assert run(command, "--limit", "0").code == 2
    made({"pyproject.toml": "[tool.asyncfix]\nseverity = 'x'\n"})
    ran = run(command)
    assert (ran.code, ran.out) == (2, b"")
    assert "severity must be" in ran.said


@pytest.mark.parametrize("command", ["graph", "hot"])
def test_only_named_files_are_told_but_all_are_read(
    run: Run, made: Made, command: str
) -> None:
    made({**PROJECT, "pyproject.toml": "", "other.py": PROJECT["api.py"]})
    ran = run(command, "other.py", "--format", "json")
    text = ran.text
    assert "other.py" in text and "helpers.py" in text
    assert "api.py" not in text.replace("fastapi", "")


@pytest.mark.parametrize(
    "arguments",
    [*(("graph", "--format", style) for style in FORMATS), ("hot", "--tests"),
     ("why", "api.py:10")],
    ids=" ".join,
)  # fmt: skip
def test_the_hash_seed_changes_nothing(
    made: Made, here: Path, arguments: tuple[str, ...]
) -> None:
    made(PROJECT)
    outputs = {
        subprocess.run(
            [sys.executable, "-m", "asyncfix", *arguments],
            capture_output=True,
            check=False,
            cwd=here,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1 and outputs != {b""}
