"""The door of the command: say again what was said before, or do the work.

The quickest answer needs no command line parser, so it is looked for first.
"""

from __future__ import annotations

import gc
import sys

from asyncfix import __version__, replay

# What is never remembered: it writes, or it costs next to nothing.
_ALWAYS_DONE = frozenset(("--apply", "--help", "-h", "--version"))


def main() -> None:
    """Run `asyncfix` with the arguments of the process."""
    arguments = sys.argv[1:]
    if _ALWAYS_DONE.isdisjoint(arguments):
        replay.current = replay.Replay(arguments, __version__)
        found = replay.current.find()
        if replay.current.changed:
            from asyncfix import renew

            found = renew.answer(replay.current)
        if found is not None:
            code, out, err = found
            sys.stdout.buffer.write(out)
            sys.stdout.buffer.flush()
            sys.stderr.buffer.write(err)
            sys.stderr.buffer.flush()
            sys.exit(code)
    # A run makes millions of objects and ends: a collection finds nothing to free,
    # and walking all of them costs as much as a tenth of the run.
    gc.disable()
    try:
        if replay.current and replay.current.edited:
            from asyncfix.again import taken_up

            done = taken_up(replay.current)
            if done is not None:
                sys.exit(done)
        from asyncfix.cli import main as command

        command(prog_name="asyncfix")
    finally:
        # Python looks for it all the same when it ends, but not among what is frozen.
        if hasattr(gc, "freeze"):  # CPython
            gc.freeze()
