"""The rows of the table of sessions, each with cases that are changed and that are not.

What decides whether a session may be shared, and how; a name is a case of the fixtures
of `session-per-request`, or a program of session_cases.txt.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FIXTURES = HERE / "fixtures" / "session-per-request"

# row -> cases that are changed, cases that are left as they are
ROWS = {
    "no arguments, one request": (
        "gather loop_in_function through_three_modules",
        "one_call nobody_calls runs_once",
    ),
    "timeout=": (
        "through_three_modules_39 timeout_of_each object_keeps_it",
        "request_has_its_own",
    ),
    "timeout= that may be None": ("connector_timeout_may_be_none", "connector_given"),
    "headers=, auth=, raise_for_status=, params=, follow_redirects=": (
        "headers_move_to_request headers_of_each auth_moves raise_for_status_moves "
        "params_move redirects_move",
        "headers_change_in_block request_has_its_own",
    ),
    "cookies=, cookie_jar=": (
        "connector_cookies_given connector_above_loop cookies_given_differ jar_given "
        "cookies_of_a_redirect",
        "cookies_of_httpx",
    ),
    "arguments that only a session takes, constants": (
        "arguments_kept open_already_without_arguments",
        "arguments_limit base_url_of_client",
    ),
    "the same, other for each call": (
        "connector_base_url",
        "transport_of_parameter loop_of_own_url object_client_of_users",
    ),
    "several requests, a login, cookies or headers touched": (
        "connector_login_flow connector_cookies_touched connector_through_modules "
        "login_then_ask object_keeps_connections_only",
        "connector_of_httpx login_by_its_name cookie_set_by_one_read_by_next",
    ),
    "POST and the like": ("post_is_noted post_is_sent_once", "closed_by_hand"),
    "the response or session leaves the block": (
        "response_leaves_when_it_is_read",
        "response_leaves session_stored given_to_library connector_response_leaves "
        "session_stored_on_self",
    ),
    "a response outside of `async with`": ("read_at_once", "read_maybe"),
    "a framework owns the parameters": (
        "app_cleanup_ctx app_lifespan app_in_modules object_cog object_bot "
        "app_keeps_connections",
        "aiogram_handler aiohttp_web_add_get aiohttp_web_handler app_key app_router "
        "app_two_lifespans app_request_may_be_none app_helper_of_a_handler celery_task click_command discord_command fastapi_depends "
        "fastapi_route starlette_endpoint",
    ),
    "overrides": ("typed_receiver object_in_modules", "overridden overrides"),
    "fakes, and calls that a test asserts": (
        "app_without_its_resources",
        "fake_in_test asserted_in_test class_patched_in_test app_called_in_test",
    ),
    "a cache or a decorator": (
        "decorated_with_known",
        "cached unknown_decorator decorated_with_cache overloaded",
    ),
    "**kwargs": ("default_arguments", "keyword_arguments caller_forwards_keywords"),
    "passed as a value": (
        "handed_to_own_retry passed_to_map",
        "handed_on handed_to_own_register looked_at_by_its_parameters",
    ),
    "tasks that outlive the owner, errors that are caught": (
        "tasks_in_a_list task_group exceptions_are_returned",
        "tasks_outlive_caller error_is_caught error_is_caught_above "
        "task_outlives_owner object_task_outlives recursion_in_tasks",
    ),
    "more than 100 at a time": ("calls_that_meet", "arguments_limit"),
    "a loop for ever": ("loop_of_ever", "loop_yields"),
    "what is an owner already": (
        "open_already",
        "owner_hands_it_down provider takes_a_session owner_loops",
    ),
    "nested sessions": ("nested_owner_of_two_kinds", "nested_sessions"),
    "two event loops": (
        "object_in_two_loops",
        "two_loops object_opened_in_another_loop",
    ),
    "an object that opens and closes": (
        "object_keeps_it object_python_39 object_connector object_in_modules",
        "object_opens_only object_slots object_of_dataclass object_shared_by_many "
        "object_may_not_open object_overridden_close object_of_library "
        "object_class_method object_shows_its_attributes object_base_without_library",
    ),
    "closed by hand": (
        "by_hand_try by_hand_row by_hand_loop",
        "by_hand_with_comments by_hand_used_after closed_by_hand",
    ),
    "recursion": (
        "recursion recursion_of_two recursion_inside_the_block",
        "recursion_of_a_retry recursion_of_the_same",
    ),
    "two items of one `async with`": (
        "two_items_in_function two_items_python_39 loop_two_items",
        "nested_sessions",
    ),
    "other clients with a pool": ("", "pool_openai pool_redis pool_aiobotocore"),
    "methods through typed receivers, other modules": (
        "typed_receiver through_three_modules connector_through_modules",
        "conditional_link library_imported_inside",
    ),
}


def _programs() -> dict[str, bool]:
    """Give the programs, and whether each is changed."""
    text = (HERE / "session_cases.txt").read_text("utf-8")
    found = re.findall(r"^(\w+) (unchanged|\d+ \d+)$", text, re.MULTILINE)
    return {name: said != "unchanged" for name, said in found}


def _is_changed(name: str) -> bool:
    """Tell whether a case is changed by its fix; raises KeyError without the case."""
    if (FIXTURES / name).is_dir():
        return (FIXTURES / name / "after").is_dir()
    if (FIXTURES / f"{name}.after.py").exists():
        return True
    if (FIXTURES / f"{name}.unchanged.py").exists():
        return False
    return _programs()[name]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_cases_of_both_kinds(row: str) -> None:
    changed, unchanged = ROWS[row]
    assert all(_is_changed(name) for name in changed.split())
    assert unchanged and not any(_is_changed(name) for name in unchanged.split())
