"""Cutpoint: consistent cuts across ordinary asyncio services. This package is what is true without a network.

Floors, imports go down only::

    command, command_group      the command `cutpoint`; its subcommands are contributed by the other packages
    testing                     the kit for testing your own backends, registries, adapters and services
    store, state                recovery points as bytes; what a service keeps
    wire                        messages to bytes and back
    protocol                    the algorithm: no I/O, no clock, no chance, no event loop
    errors, names               the exception tree; a type for every number that could be mistaken

Services import `cutpoint_agents`; operators run ``cutpoint``. Importing this package imports none of the floors.
"""
