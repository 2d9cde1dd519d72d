"""What could be wrong around a computation, looked at from one machine: each finding with what it means and what to do.

The doctor changes nothing but one object in the store, which it writes, reads, tries to overwrite, and deletes.
"""

from cutpoint_coordinator.doctor.finding import Examination, Finding, worst

__all__ = ["Examination", "Finding", "worst"]
