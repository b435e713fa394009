"""The API against references in one run: ``make bench``, or ``python -m bench.compare`` with options.

``dataset`` makes a hospital of a million slots once, in an embedded PostgreSQL of its own (``cluster``). Each run works
on fresh copies of it: the product as it is served by default (``ours``), a FastAPI build of the same calls
(``reference``), and the bare database (``pgbench``). ``workloads`` says what is asked, ``driver`` asks it, ``meter``
reads what it costs, ``report`` and ``chart`` tell it.
"""
