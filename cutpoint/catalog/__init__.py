"""Looking into recovery points without running anything: lists, differences, single keys, portable archives.

Reads a store and never the registry, a service or a coordinator. Values are decoded only where their format runs no
code; nothing is ever unpickled here.
"""
