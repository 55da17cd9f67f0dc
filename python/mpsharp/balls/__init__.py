"""Ball arithmetic (python-flint): the run of exact arithmetic, enclosed. Needs the extra "verify"."""
