"""`python -m mpsharp`."""

from mpsharp.cli import main

main()
