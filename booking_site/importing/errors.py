from booking_site.core.errors import Invalid


class ImportRefused(Invalid):
    """The whole import cannot be: no such file, a profile that does not fit, an encoding that is not the file's."""

    code = "import_refused"


class RowRejected(Exception):
    """One row cannot be taken; the message says why, naming the field."""
