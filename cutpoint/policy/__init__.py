"""What an operator declares of a computation: when cuts are taken, what is kept, who may do what, who owns what.

A policy is a frozen value. It is read from TOML, with the line and the remedy of every mistake, and written so that it
is read back the same. Nothing here acts: the core follows the part of a policy that `Policy.for_core` gives it.
"""

from __future__ import annotations

from cutpoint.policy.access import Act, may
from cutpoint.policy.declared import DEFAULT, Access, Alerts, Cuts, Policy, Recovery, Retention, Retries, Service
from cutpoint.policy.fields import FIELDS, SERVICE_FIELDS, Field, with_values
from cutpoint.policy.mistakes import Mistake, PolicyMistakes
from cutpoint.policy.reading import BYTES_MAX, read_document, read_policy
from cutpoint.policy.writing import Change, change_text, changes, to_document, to_toml

__all__ = [
    "BYTES_MAX",
    "DEFAULT",
    "FIELDS",
    "SERVICE_FIELDS",
    "Access",
    "Act",
    "Alerts",
    "Change",
    "Cuts",
    "Field",
    "Mistake",
    "Policy",
    "PolicyMistakes",
    "Recovery",
    "Retention",
    "Retries",
    "Service",
    "change_text",
    "changes",
    "may",
    "read_document",
    "read_policy",
    "to_document",
    "to_toml",
    "with_values",
]
