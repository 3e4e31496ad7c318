"""`python -m asyncfix`."""

import os
import sys

if __name__ == "__main__":
    # Python looks for modules in the current folder first, which is the analysed
    # project's: a `click.py` there would be run.
    if sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]
    from asyncfix.start import main

    main()
