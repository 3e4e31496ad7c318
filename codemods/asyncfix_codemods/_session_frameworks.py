"""Where a framework owns a function: the code to write by hand for that very one."""

from __future__ import annotations

import ast
import textwrap

from asyncfix import Context, Place
from asyncfix_codemods._session_kinds import Kind

_TEXTS = {
    "aiohttp.web": """
        from collections.abc import AsyncIterator

        import {module}
        from aiohttp import web

        SESSION = web.AppKey("SESSION", {class_})

        async def client_session(app: web.Application) -> AsyncIterator[None]:
            async with {made} as session:
                app[SESSION] = session
                yield

        async def {name}(request: web.Request) -> web.StreamResponse:
            session = request.app[SESSION]
            ...  # as before, without a session of its own

        app.cleanup_ctx.append(client_session)  # where the app is made
        """,
    "fastapi": """
        import contextlib
        from collections.abc import AsyncIterator

        import {module}
        from fastapi import FastAPI, Request

        @contextlib.asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            async with {made} as session:
                app.state.session = session
                yield

        app = FastAPI(lifespan=lifespan)

        async def {name}(request: Request, ...):
            session: {class_} = request.app.state.session
            ...  # as before, without a session of its own
        """,
    "starlette": """
        import contextlib
        from collections.abc import AsyncIterator

        import {module}
        from starlette.applications import Starlette
        from starlette.requests import Request

        @contextlib.asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            async with {made} as session:
                app.state.session = session
                yield

        app = Starlette(routes=routes, lifespan=lifespan)

        async def {name}(request: Request):
            session: {class_} = request.app.state.session
            ...  # as before, without a session of its own
        """,
    "discord": """
        import {module}
        from discord.ext import commands

        class Bot(commands.Bot):
            session: {class_}

            async def setup_hook(self) -> None:
                self.session = {made}

            async def close(self) -> None:
                try:
                    await super().close()
                finally:
                    if hasattr(self, "session"):
                        await self.session.{close}()

        async def {name}(self, ctx: commands.Context[Bot], ...):
            session = ctx.bot.session  # of an interaction: interaction.client.session
            ...  # as before, without a session of its own
        """,
    "aiogram": """
        import {module}
        from aiogram import Bot, Dispatcher

        async def main(dispatcher: Dispatcher, bot: Bot) -> None:
            async with {made} as session:
                await dispatcher.start_polling(bot, http_session=session)

        async def {name}(..., http_session: {class_}):  # given by its name
            ...  # as before, without a session of its own
        """,
    "pytest": """
        from collections.abc import AsyncIterator

        import {module}
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module", loop_scope="module")
        async def session() -> AsyncIterator[{class_}]:
            async with {made} as session:
                yield session

        @pytest.mark.asyncio(loop_scope="module")
        async def {name}(session: {class_}) -> None:
            ...  # as before, without a session of its own
        """,
    "homeassistant": """
        from {helper_module} import {helper}

        session = {helper}(hass)
        # Home Assistant's own, shared and closed by it: no `async with` round it
        """,
    "command line": """
        import asyncio

        import {module}

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
    "aiohttp": ("aiohttp_client", "async_get_clientsession"),
    "httpx": ("httpx_client", "get_async_client"),
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


def is_registered(context: Context, place: Place) -> bool:
    """Tell whether a framework surely calls a function itself: it was told to."""
    users, path = context.model.users, place[0]
    scope = users.scope(place)
    return any(
        _of(users.outside(path, scope.parent, decorator))
        for decorator in scope.decorators
    ) or any(
        each.kind == "registered" and _of(each.by) for each in users.others(place) or ()
    )


def text(name: str, kind: Kind, made: ast.Call, function: str) -> str:
    """Give the code for one framework; `made` has what the session is built with."""
    code = textwrap.dedent(_TEXTS[name]).strip("\n")
    call = ast.Call(ast.Name(kind.name), [], made.keywords)
    module, helper = _HELPERS[kind.module]
    return code.format(
        made=ast.unparse(call),
        module=kind.module,
        class_=kind.name,
        close=kind.close,
        name=function,
        helper=helper,
        helper_module=f"homeassistant.helpers.{module}",
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
