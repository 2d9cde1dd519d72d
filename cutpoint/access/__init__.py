"""Who may do what: tokens, how both ends of a connection prove that they know one, and what must never be shown.

A token is one line of text that its holder keeps secret. A coordinator keeps a verifier of it, with which nobody can
log in. Nothing here opens a connection or decides what a holder may do.
"""

from __future__ import annotations

from cutpoint.access.redaction import redacted
from cutpoint.access.tls import ClientTls, is_loopback, tls_complaint
from cutpoint.access.tokens import Token, Verifier

__all__ = ["ClientTls", "Token", "Verifier", "is_loopback", "redacted", "tls_complaint"]
