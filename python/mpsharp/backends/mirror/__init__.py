"""The step, operation by operation as in the core, in NumPy's float32 and float64.

Written from the formulas, independently of the C++ core and without importing it: the two must be able
to disagree.
"""

from __future__ import annotations

from mpsharp.backends.mirror.runner import MirrorBackend, MirrorRunner

__all__ = ["MirrorBackend", "MirrorRunner"]
