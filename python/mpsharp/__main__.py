"""`python -m mpsharp`."""

from mpsharp.cli import main

if __name__ == "__main__":
    main()
