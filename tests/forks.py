"""Run programs in forks of one process, which has imported already what they need.

    python forks.py MODULE ...

Each line of stdin is a JSON list: folder, variables of the environment, code. The code
is run there as `python -c` does it; where it takes five minutes it is killed.
The answer is a line on stdout: exit code, what went to stdout, and to stderr. The
child ends as any program does, with all that an interpreter says at its end.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import tempfile

_SECONDS = 300


def _answer(line: str) -> bool:
    """Fork, and answer; gives True in the child, which is ready for the code."""
    folder, variables, _ = json.loads(line)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            signal.alarm(_SECONDS)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for source, target in ((nothing, 0), (out.fileno(), 1), (err.fileno(), 2)):
                os.dup2(source, target)
            os.close(nothing)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(variables)
            return True
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    print(json.dumps([code, *said]), flush=True)
    return False


if __name__ == "__main__":  # a child's own workers come by here, too
    for name in sys.argv[1:]:
        importlib.import_module(name)
    # Not read by blocks: a fork would have a part of the next question.
    while question := sys.stdin.readline():
        if _answer(question):
            sys.argv[:], sys.path[0] = ["-c"], ""
            exec(json.loads(question)[2], {"__name__": "__main__"})
            break
