"""The coordinator: the service that opens cuts, publishes recovery points and leads recoveries.

Import its modules by name; importing this package alone loads nothing.
"""
