"""Which async entry points hold the loop worst: ranked by what they lead to.

An entry point is a coroutine that no coroutine of the project calls, or that a
framework was given. What it reaches is every blocking call in its own body, in the
functions it calls and in the coroutines it awaits, each counted once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from asyncfix.context import is_test
from asyncfix.reach import SEVERITIES, Chain, Place
from asyncfix.survey import Survey
from asyncfix.value import OUTSIDE
from asyncfix.ways import Ways


class Entry(NamedTuple):
    """An entry point and what it reaches.

    `registered` names the decorator that gives it to a framework; `circle` says
    that it is called, but only by coroutines that it leads to itself.
    """

    place: Place
    name: str
    line: int
    registered: str
    circle: bool
    severities: Mapping[str, int]
    kinds: Mapping[str, int]
    chain: Chain


def ways_of(survey: Survey, severity: str, tests: bool) -> Ways:
    """Follow the coroutines of the named files; those of tests only if asked."""
    places = [
        (path, scope)
        for path in survey.targets
        if survey.project.files[path].head.coroutines
        and (tests or not in_tests(survey, path))
        for scope in survey.reach.coroutines(path)
    ]
    return Ways(survey.reach, places, severity)


def in_tests(survey: Survey, path: str) -> bool:
    """Tell whether a file is test code, by its path within the project."""
    return is_test(os.path.relpath(path, survey.settings.root))


def entries(survey: Survey, ways: Ways) -> list[Entry]:
    """Give the entry points that block, the worst first.

    Worse is who reaches more calls of the highest severity, then of the next.
    """
    circles = dict(ways.entries())
    targets = frozenset(survey.targets)
    found = []
    for place in ways.blocking():
        ways.rest()
        if place[0] not in targets or not ways.is_coroutine(place):
            continue
        registered = next(_registered(survey, place), "")
        chain = ways.worst(place)
        if chain is None or not (registered or place in circles):
            continue
        found.append(
            Entry(
                place=place,
                name=ways.name(place),
                line=survey.project.files[place[0]].scopes[place[1]].line,
                registered=registered,
                circle=circles.get(place, False),
                severities=ways.counted(place, "severity"),
                kinds=ways.counted(place, "kind"),
                chain=chain,
            )
        )
    return sorted(found, key=_rank)


def _registered(survey: Survey, place: Place) -> Iterator[str]:
    """Give the decorators of a coroutine that give it to a framework."""
    path, index = place
    scope = survey.project.files[path].scopes[index]
    for decorator in scope.decorators:
        value = survey.reach.values.of(path, scope.parent, decorator)
        if value is not None and value.kind == OUTSIDE:
            if survey.reach.catalog.decorator(value.name) == "registers":
                yield value.name


def _rank(entry: Entry) -> tuple[list[int], str, Place]:
    counts = [-entry.severities.get(word, 0) for word in reversed(SEVERITIES)]
    return counts, entry.name, entry.place
