"""The commands that this package contributes to ``cutpoint``, one module each; see `cutpoint.command_group`.

What a command needs beyond the command line itself is imported when it runs.
"""
