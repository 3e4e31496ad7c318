"""The catalog's data files: what they say is well-formed, and true where it shows."""

from __future__ import annotations

import asyncio
import asyncio.subprocess
import importlib
import inspect
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from asyncfix.catalog import Catalog

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent.parent / "codemods" / "asyncfix_codemods" / "catalog"
FILES = sorted(FOLDER.glob("*.toml"))
KEYS = ["kind", "severity", "strategy", "form", "use", "why"]
WORDS = {"Awaitable", "ContextManager", "Iterator", "Self", "object", "tuple"}

# Named in a type so that nothing wrong is believed; they have no method that blocks.
WITHOUT_FACTS = {
    "boto3.resources.base.ServiceResource", "code.InteractiveInterpreter",
    "curl_cffi.requests.Response", "dataset.Database", "geopy.location.Location",
    "googleapiclient.discovery.Resource", "gridfs.GridIn", "gridfs.GridOut",
    "io.IOBase", "lmdb.Transaction", "mailbox.Mailbox",
    "multiprocessing.synchronize.Barrier", "niquests.Response", "psycopg.Pipeline",
    "psycopg.Transaction", "sqlalchemy.engine.ScalarResult", "sqlite3.Blob",
    "tiktoken.Encoding", "whisper.Whisper",
}  # fmt: skip
# Look asynchronous by name, and block all the same.
BLOCKING_IN_SPITE_OF_THEIR_NAMES = {
    "celery.app.task.Task.apply_async", "os.fdatasync",
    "selenium.webdriver.remote.webdriver.WebDriver.execute_async_script",
}  # fmt: skip
# Made by `__init__`, or not there before Python 3.11.
OF_SOME_PYTHONS = {
    "asyncio.AbstractEventLoop.sock_recvfrom",
    "asyncio.AbstractEventLoop.sock_recvfrom_into",
    "asyncio.AbstractEventLoop.sock_sendto",
    "asyncio.Barrier.abort", "asyncio.Barrier.reset", "asyncio.Barrier.wait",
    "asyncio.Condition.acquire", "asyncio.StreamWriter.start_tls",
    "asyncio.TaskGroup.create_task",
}  # fmt: skip
# Of other Pythons than 3.10 to 3.13 on Linux all have, or made at run time.
NOT_IN_EVERY_PYTHON = {
    "_thread.lock.acquire", "asyncio.Runner.run", "contextlib.chdir", "crypt.crypt",
    "hashlib.file_digest", "imaplib.IMAP4.idle", "msvcrt.getch", "msvcrt.getche",
    "msvcrt.getwch", "msvcrt.getwche", "msvcrt.locking",
    "multiprocessing.managers.BaseManager.shutdown",
    "multiprocessing.synchronize.Lock.acquire",
    "multiprocessing.synchronize.Semaphore.acquire", "nntplib.NNTP", "os.chflags",
    "os.path.isdevdrive", "os.path.isjunction", "pathlib.Path.copy",
    "pathlib.Path.copy_into", "pathlib.Path.is_junction", "pathlib.Path.link_to",
    "pathlib.Path.move", "pathlib.Path.move_into", "pathlib.Path.walk",
    "select.kqueue", "select.kqueue.control", "select.poll.poll",
    "sqlite3.Connection.blobopen", "sqlite3.Connection.create_window_function",
    "sqlite3.Connection.deserialize", "sqlite3.Connection.serialize",
    "telnetlib.Telnet", "telnetlib.Telnet.expect", "telnetlib.Telnet.interact",
    "telnetlib.Telnet.read_all", "telnetlib.Telnet.read_some",
    "telnetlib.Telnet.read_until", "telnetlib.Telnet.write",
    "threading.Condition.acquire", "threading.Lock.__enter__", "threading.Lock.acquire",
    "threading.Lock.acquire_lock", "threading.RLock.__enter__",
    "threading.RLock.acquire", "tomllib.load", "tomllib.loads",
    "winreg.ConnectRegistry", "winreg.OpenKey", "winreg.QueryValueEx", "winsound.Beep",
    "winsound.PlaySound", "zipfile.ZipFile.mkdir",
}  # fmt: skip
# Left out of a Python that was built without what they need.
OPTIONAL = {"bz2", "curses", "dbm", "lzma", "readline", "sqlite3", "ssl", "tkinter", "turtle"}  # fmt: skip


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return {file.stem: tomllib.loads(file.read_text("utf-8")) for file in FILES}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    catalog = Catalog([FOLDER])
    catalog.entries()
    return catalog


def test_every_file_is_well_formed(catalog: Catalog) -> None:
    assert len(FILES) > 400
    assert len(catalog.entries()) > 3500


def test_a_file_begins_with_what_it_is(documents: dict[str, dict[str, Any]]) -> None:
    broken = []
    for file in FILES:
        first = file.read_text("utf-8").partition("\n")[0]
        if not re.match(rf"# What (blocks in|is known of) {file.stem}\b", first):
            broken.append(f"{file.name}: {first}")
    assert not broken


def test_names_are_sorted_and_keys_in_order(
    documents: dict[str, dict[str, Any]],
) -> None:
    broken = []
    for root, document in documents.items():
        for section, table in document.items():
            if isinstance(table, str):
                continue
            if list(table) != sorted(table):
                broken.append(f"{root}: {section}")
        for name, value in document.get("calls", {}).items():
            if [key for key in value if key != "blocks"] != KEYS:
                broken.append(name)
            if value.get("blocks", False):
                broken.append(f"{name}: says blocks without need")
    assert not broken


def test_what_does_not_block_is_never_severe(catalog: Catalog) -> None:
    wrong = [e.name for e in catalog.entries() if not e.blocks and e.severity != "low"]
    assert not wrong


def test_no_asynchronous_twin_is_taken_for_the_blocking_one(
    catalog: Catalog, documents: dict[str, dict[str, Any]]
) -> None:
    twin = re.compile(
        r"(?<!multiprocessing\.pool\.)(?<!celery\.result\.)async|\baio", re.I
    )
    names = [entry.name for entry in catalog.entries() if entry.blocks]
    names += [alias for each in documents.values() for alias in each.get("aliases", ())]
    roots = {"asyncio", "nest_asyncio"}
    suspect = {n for n in names if twin.search(n) and n.partition(".")[0] not in roots}
    assert suspect == BLOCKING_IN_SPITE_OF_THEIR_NAMES
    for name in (
        "redis.asyncio.Redis",
        "redis.asyncio.client.Redis",
        "pymongo.AsyncMongoClient",
        "pymongo.asynchronous.mongo_client.AsyncMongoClient",
        "httpx.AsyncClient",
        "openai.AsyncOpenAI",
        "sqlalchemy.ext.asyncio.AsyncSession",
        "psycopg.AsyncConnection",
        "zmq.asyncio.Socket",
        "azure.storage.blob.aio.BlobClient",
        "asyncio.Lock",
        "asyncio.Queue",
        "asyncio.subprocess.Process",
    ):
        assert catalog.canonical(name) == name
        for method in ("get", "execute", "acquire", "wait", "__enter__", "recv"):
            assert catalog.method(name, method) is None


def test_every_type_is_a_known_class(
    catalog: Catalog, documents: dict[str, dict[str, Any]]
) -> None:
    named = set()
    for document in documents.values():
        for section in ("returns", "attributes"):
            for value in document.get(section, {}).values():
                named |= set(re.findall(r"[\w.]+", value)) - WORDS
        for bases in document.get("bases", {}).values():
            named |= set(bases) - WORDS
    assert {name for name in named if not catalog.is_class(name)} == WITHOUT_FACTS


def resolves(name: str) -> bool:
    """Tell whether the running Python has a name, in whatever module."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return parts[0] in OPTIONAL


@pytest.mark.skipif(sys.platform != "linux", reason="the list is that of Linux")
def test_names_of_the_standard_library_exist(
    documents: dict[str, dict[str, Any]],
) -> None:
    names = {
        name
        for document in documents.values()
        if document["library"] == "Python"
        for name in document.get("calls", ())
    }
    assert names >= NOT_IN_EVERY_PYTHON
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        missing = {name for name in names if not resolves(name)}
    assert missing - NOT_IN_EVERY_PYTHON == set()


@pytest.mark.parametrize(
    ("name", "severity", "strategy", "form"),
    [
        ("time.sleep", "high", "native", "await"),
        ("requests.get", "high", "native", "async-with"),
        ("requests.Session.get", "high", "migrate", "await"),
        ("requests.sessions.Session.get", "high", "migrate", "await"),
        ("requests_cache.CachedSession.get", "high", "migrate", "await"),
        ("redis.Redis.hset", "high", "migrate", "await"),
        ("redis.client.Redis.hset", "high", "migrate", "await"),
        ("redis.Redis.scan_iter", "high", "migrate", "async-for"),
        ("pymongo.collection.Collection.insert_one", "high", "migrate", "await"),
        ("psycopg2.extensions.cursor.execute", "high", "migrate", "await"),
        ("psycopg2.extras.RealDictCursor.execute", "high", "migrate", "await"),
        ("sqlite3.Connection.commit", "high", "migrate", "await"),
        ("openai.resources.chat.completions.Completions.create", "high", "migrate", "await"),
        ("botocore.client.BaseClient.put_object", "high", "migrate", "await"),
        ("sqlalchemy.orm.Session.commit", "high", "migrate", "await"),
        ("subprocess.run", "high", "native", "rewrite"),
        ("subprocess.Popen.wait", "high", "migrate", "await"),
        ("smtplib.SMTP_SSL.sendmail", "high", "migrate", "await"),
        ("ssl.SSLSocket.recvfrom", "high", "native", "await"),
        ("shutil.rmtree", "high", "offload", "wrap"),
        ("os.fsync", "high", "offload", "wrap"),
        ("queue.PriorityQueue.get", "high", "migrate", "await"),
        ("concurrent.futures.Future.result", "high", "native", "await"),
        ("threading.Lock.acquire", "medium", "migrate", "await"),
        ("builtins.open", "medium", "offload", "wrap"),
        ("io.open", "medium", "offload", "wrap"),
        ("pathlib.PosixPath.read_text", "medium", "migrate", "await"),
        ("httpx.Client", "medium", "migrate", "construct"),
        ("os.listdir", "medium", "offload", "wrap"),
        ("os.path.exists", "low", "offload", "wrap"),
        ("posixpath.exists", "low", "offload", "wrap"),
        ("json.loads", "low", "report", "report"),
        ("difflib.ndiff", "low", "offload", "process"),
        ("queue.Queue.put", "low", "migrate", "await"),
    ],
)  # fmt: skip
def test_what_blocks(
    catalog: Catalog, name: str, severity: str, strategy: str, form: str
) -> None:
    owner, _, last = name.rpartition(".")
    entry = catalog.entry(name) or catalog.method(owner, last)
    assert entry is not None
    assert (entry.severity, entry.strategy, entry.form) == (severity, strategy, form)
    assert entry.blocks


@pytest.mark.parametrize(
    "name",
    [
        "requests.Session",
        "requests.Response.json",
        "redis.Redis",
        "redis.from_url",
        "redis.Redis.pipeline",
        "redis.client.Pipeline.set",
        "openai.OpenAI",
        "pymongo.MongoClient",
        "pymongo.collection.Collection.find",
        "psycopg2.extensions.connection.cursor",
        "sqlite3.Connection.cursor",
        "sqlalchemy.create_engine",
        "sqlalchemy.orm.Session.add",
        "sqlalchemy.engine.Result.scalars",
        "docker.DockerClient",
        "confluent_kafka.Producer.produce",
        "functools.lru_cache",
        "queue.Queue.get_nowait",
        "io.BytesIO.read",
        "asyncio.to_thread",
        "os.getcwd",
        "xmlrpc.client.ServerProxy",
    ],
)
def test_what_does_not_block(catalog: Catalog, name: str) -> None:
    entry = catalog.entry(name)
    assert entry is not None and not entry.blocks


@pytest.mark.parametrize(
    ("way", "end"),
    [
        ("openai.OpenAI .chat .completions", "openai.resources.chat.completions.Completions"),
        ("openai.AzureOpenAI .chat .completions", "openai.resources.chat.completions.Completions"),
        ("anthropic.Anthropic .messages", "anthropic.resources.messages.Messages"),
        ("boto3.client()", "botocore.client.BaseClient"),
        ("boto3.Session() .client()", "botocore.client.BaseClient"),
        ("psycopg2.connect() .cursor()", "psycopg2.extensions.cursor"),
        ("sqlite3.connect() .cursor() .execute()", "sqlite3.Cursor"),
        ("sqlite3.dbapi2.connect() .execute()", "sqlite3.Cursor"),
        ("pymongo.MongoClient() .get_database() .get_collection() .find()", "pymongo.cursor.Cursor"),
        ("pymongo.MongoClient() .shop .orders .find() .sort()", "pymongo.cursor.Cursor"),
        ("sqlalchemy.create_engine() .connect() .execute()", "sqlalchemy.engine.Result"),
        ("subprocess.Popen .stdout", "io.BufferedReader"),
        ("builtins.open()", "io.TextIOWrapper"),
        ("tempfile.NamedTemporaryFile() .file", "io.TextIOWrapper"),
        ("pathlib.Path.cwd() .parent .joinpath() .open()", "io.TextIOWrapper"),
        ("urllib.request.urlopen()", "http.client.HTTPResponse"),
        ("redis.Redis.from_url() .pipeline()", "redis.client.Pipeline"),
        ("docker.from_env() .containers", "docker.models.containers.ContainerCollection"),
        ("paramiko.SSHClient() .open_sftp()", "paramiko.SFTPClient"),
        ("concurrent.futures.ThreadPoolExecutor() .submit()", "concurrent.futures.Future"),
        ("multiprocessing.get_context() .Pool()", "multiprocessing.pool.Pool"),
        ("socket.socket() .accept()", "tuple[socket.socket, object]"),
    ],
)  # fmt: skip
def test_what_comes_of_a_chain(catalog: Catalog, way: str, end: str) -> None:
    at = ""
    for step in way.split():
        name = f"{at}{step.removesuffix('()')}"
        if step.endswith("()"):
            found = catalog.returns(name)
        else:
            found = catalog.attribute(name) if at else name
        assert found is not None, name
        at = at if found == "Self" else found
    assert at == end


def test_frameworks(catalog: Catalog) -> None:
    assert catalog.offload("asyncio.to_thread") == 0
    assert catalog.offload("asyncio.BaseEventLoop.run_in_executor") == 1
    assert catalog.offload("threading.Thread") == "target"
    assert catalog.offload("concurrent.futures.ThreadPoolExecutor.submit") == 0
    assert catalog.registers("asyncio.AbstractEventLoop.call_later") == 1
    assert catalog.decorator("functools.wraps") == "same"
    assert catalog.decorator("fastapi.FastAPI.get") == "registers"
    assert catalog.decorator("celery.shared_task") == "elsewhere"
    assert catalog.decorator("asgiref.sync.sync_to_async") == "coroutine"
    assert catalog.decorator("contextlib.contextmanager") == "context-manager"
    assert catalog.asynchronous("asyncio.sleep") == "coroutine"
    assert catalog.asynchronous("httpx.AsyncClient.stream") == "async-context"
    assert catalog.asynchronous("anyio.Path.iterdir") == "async-iterator"


def _coroutines_of_asyncio() -> list[tuple[str, str]]:
    said = tomllib.loads((FOLDER / "asyncio.toml").read_text("utf-8"))["asynchronous"]
    return [(name, kind) for name, kind in said.items() if kind != "async-context"]


@pytest.mark.parametrize(("name", "kind"), _coroutines_of_asyncio())
def test_python_agrees_what_is_a_coroutine_function(name: str, kind: str) -> None:
    found: Any = asyncio
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    if found is None:
        assert name in OF_SOME_PYTHONS
    else:
        assert inspect.iscoroutinefunction(found) == (kind == "coroutine")
