"""The kit that ships with Cutpoint for testing what is built on it, and for demonstrations.

Import its modules by name; importing this package alone loads nothing, and none of them needs pytest.
"""
