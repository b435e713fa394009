"""How dates and times are written in English: British order, 24 hours."""

DATE_FORMAT = "D j M Y"
SHORT_DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "D j M Y H:i"
MONTH_DAY_FORMAT = "D j M"
FIRST_DAY_OF_WEEK = 1
