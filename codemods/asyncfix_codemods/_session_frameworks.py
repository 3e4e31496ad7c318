"""Where a framework owns a function: the code to write by hand for that very one."""

from __future__ import annotations

import ast
import textwrap

from asyncfix import Context, Place
from asyncfix_codemods._session_kinds import Kind

_TEXTS = {
    "aiohttp.web": """
        SESSION = web.AppKey("SESSION", {class_})

        async def client_session(app: web.Application) -> AsyncIterator[None]:
            async with {made} as session:
                app[SESSION] = session
                yield

        app.cleanup_ctx.append(client_session)
        # in {name}: session = request.app[SESSION]
        """,
    "fastapi": """
        @contextlib.asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            async with {made} as session:
                app.state.session = session
                yield

        app = FastAPI(lifespan=lifespan)
        # in {name}, which takes request: Request: session = request.app.state.session
        """,
    "starlette": """
        @contextlib.asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            async with {made} as session:
                app.state.session = session
                yield

        app = Starlette(routes=routes, lifespan=lifespan)
        # in {name}: session = request.app.state.session
        """,
    "discord": """
        class Bot(commands.Bot):
            async def setup_hook(self) -> None:
                self.session = {made}

            async def close(self) -> None:
                await super().close()
                await self.session.{close}()

        # in {name}: ctx.bot.session, or interaction.client.session
        """,
    "aiogram": """
        async def main() -> None:
            async with {made} as session:
                await dispatcher.start_polling(bot, http_session=session)

        # aiogram passes it by its name:
        # async def {name}(..., http_session: {class_})
        """,
    "pytest": """
        @pytest_asyncio.fixture(scope="module", loop_scope="module")
        async def session() -> AsyncIterator[{class_}]:
            async with {made} as session:
                yield session

        @pytest.mark.asyncio(loop_scope="module")
        async def {name}(session: {class_}) -> None: ...
        """,
    "homeassistant": """
        session = {helper}(hass)
        # Home Assistant's own, shared and closed by it: no `async with` round it
        """,
    "command line": """
        async def main() -> None:
            async with {made} as session:
                ...  # all that the command does, with session

        asyncio.run(main())
        """,
}
_ROOTS = {
    "aiogram": "aiogram",
    "celery": "command line",
    "click": "command line",
    "discord": "discord",
    "fastapi": "fastapi",
    "homeassistant": "homeassistant",
    "pytest": "pytest",
    "pytest_asyncio": "pytest",
    "starlette": "starlette",
    "typer": "command line",
    "unittest": "pytest",
}
_HELPERS = {
    "aiohttp": "homeassistant.helpers.aiohttp_client.async_get_clientsession",
    "httpx": "homeassistant.helpers.httpx_client.get_async_client",
}


def _of(name: str) -> str:
    """Give the framework that a qualified name belongs to, if it is a known one."""
    if name == "aiohttp.web" or name.startswith("aiohttp.web."):
        return "aiohttp.web"
    return _ROOTS.get(name.partition(".")[0], "")


def framework(context: Context, place: Place) -> str:
    """Give the framework that calls a function, nothing where none is known.

    Told by what decorates it, registers it, its class's bases, the types of its
    parameters, or, for a decorator that is not known, the file's only framework.
    """
    users, path = context.model.users, place[0]
    scope = users.scope(place)
    if context.in_tests() and scope.name.startswith("test"):
        return "pytest"
    for decorator in scope.decorators:
        if found := _of(users.outside(path, scope.parent, decorator)):
            return found
    for base in users.bases(place) or ():
        if base is not None and not base.path and (found := _of(base.name)):
            return found
    for each in users.others(place) or ():
        if found := _of(each.by):
            return found
    arguments = context.function.args
    for argument in (*arguments.posonlyargs, *arguments.args):
        if argument.annotation is not None:
            name = users.outside(path, scope.parent, ast.unparse(argument.annotation))
            if found := _of(name):
                return found
    modules = {_of(module) for module in context.project.libraries(path)} - {""}
    if "homeassistant" in modules:
        return "homeassistant"
    unknown = any(
        not users.outside(path, scope.parent, decorator)
        for decorator in scope.decorators
    )
    return modules.pop() if unknown and len(modules) == 1 else ""


def text(name: str, kind: Kind, spelled: str, made: str, function: str) -> str:
    """Give the code for one framework."""
    code = textwrap.dedent(_TEXTS[name]).strip("\n")
    return code.format(
        made=made,
        class_=spelled,
        close=kind.close,
        name=function,
        helper=_HELPERS[kind.module],
    )


def in_class(kind: Kind, made: str, owner: str) -> str:
    """Give the code for a class that owns its session."""
    return textwrap.dedent(f"""\
        class {owner}:
            async def __aenter__(self) -> Self:
                self._session = {made}
                return self

            async def __aexit__(self, *error: object) -> None:
                await self._session.{kind.close}()

        # its user: async with {owner}(...) as ...:, once for all calls""")


def as_parameter(made: str, spelled: str, function: str, target: str) -> str:
    """Give the code for a function that takes a session, and opens one without it."""
    return textwrap.dedent(f"""\
        async def {function}(..., *, session: {spelled} | None = None):
            async with contextlib.AsyncExitStack() as stack:
                if session is None:
                    session = await stack.enter_async_context({made})
                ...  # as before, with {'session' if target == 'session' else f'session as {target}'}

        # its caller, once for all calls:
        async with {made} as session:
            ... {function}(..., session=session)""")
