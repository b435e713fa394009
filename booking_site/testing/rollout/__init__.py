"""An app of tests alone, whose migrations change a table of the site that is in use: expand, fill, contract."""
