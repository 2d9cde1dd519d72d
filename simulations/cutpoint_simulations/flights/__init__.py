"""The demo: a month of real flights through seven services that are killed on the way, and every tally compared.

Nothing is imported here; each service process loads only what it runs.
"""
