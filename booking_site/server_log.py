"""What gunicorn itself has to say, without what clients have sent: it would quote request lines and headers that it
cannot read, and the queries of requests that fail."""

import logging
import re
from typing import Any

from django.conf import settings
from gunicorn.glogging import Logger

from booking_site.logs import JsonFormatter, PrivateFormatter

QUOTED = re.compile(r"""b?['"].*""", re.DOTALL)  # to the end: what is quoted may hold quotation marks
QUERY = re.compile(r"\?\S*")


class Unquoting(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        if record.levelno >= logging.WARNING:
            record.message = QUERY.sub("?...", QUOTED.sub("...", record.message))
        return super().formatMessage(record)


class ServerFormatter(Unquoting, PrivateFormatter):
    pass


class ServerJsonFormatter(Unquoting, JsonFormatter):
    pass


class ServerLogger(Logger):
    """Of gunicorn's settings, ``logger_class``."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        text = ServerFormatter(self.error_fmt, self.datefmt)
        for handler in self.error_log.handlers:
            handler.setFormatter(ServerJsonFormatter() if settings.LOG_FORMAT == "json" else text)
