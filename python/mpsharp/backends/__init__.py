"""Arithmetics that can run a training: the MPFR core and its NumPy mirror, behind one protocol."""

from __future__ import annotations

from mpsharp.backends.base import Backend, Runner, get_backend

__all__ = ["Backend", "Runner", "get_backend"]
