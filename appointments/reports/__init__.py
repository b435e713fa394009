"""The manager's numbers: what was asked for, what was offered, who did not come, and how long people waited.

One module of SQL a subject, each with the definition of its figures; ``catalogue`` says which reports there are. A
report reads and never writes, in one or two statements over sets, whatever the number of its rows.
"""
