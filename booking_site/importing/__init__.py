"""Bringing CSV files in. See docs/importing.md for what a user sees.

A file becomes records in five steps, one module each: ``profile`` (which column means what), ``reading`` (the rows of
the file and their line numbers), ``mapping`` and ``values`` (a row's texts become a record's values), ``staging`` (a
temporary table in which rows are compared with each other and with what is there), ``run`` (all of it in one
transaction). What is special about an entity is in its app: ``doctors/importing.py`` and so on.
"""
