"""`python -m asyncfix`."""

from asyncfix.start import main

if __name__ == "__main__":
    main()
