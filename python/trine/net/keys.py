"""Keys for one purpose from longer-lived ones."""

from __future__ import annotations

import hmac

__all__ = ["KEY_BYTES", "derive_key"]

KEY_BYTES = 16


def derive_key(key: bytes, label: bytes) -> bytes:
    """A 16-byte key for one purpose, from a longer-lived one: HKDF-Expand with SHA-256 (RFC 5869, section 2.3).

    Args:
        key: the long-lived key, uniformly random.
        label: what the new key is for; different labels give independent keys.
    """
    return hmac.digest(key, label + b"\x01", "sha256")[:KEY_BYTES]
