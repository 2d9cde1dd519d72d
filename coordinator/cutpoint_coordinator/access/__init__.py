"""Who may ask a coordinator for what: tokens and scopes, limits, TLS, and the audit log that keeps what was done."""
