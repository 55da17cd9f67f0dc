"""Rigorous enclosures of the sharpness."""

from mpsharp.certificate.enclosure import SharpnessInterval, is_sharpness_interval, sharpness_interval

__all__ = ["SharpnessInterval", "is_sharpness_interval", "sharpness_interval"]
