"""Monitors while this coordinator leads: which there are, each asked of every cut, and what is done about complaints.

* `evaluators`: who asks a monitor: for real, a process of its own (`processes`);
* `watch`: one monitor, cut after cut;
* `monitoring`: all of them, in the registry and out of it.

No monitor's code is ever loaded here.
"""
