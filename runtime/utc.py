"""Times of the clock as text."""

from datetime import datetime, timedelta


def utc_text(time: datetime) -> str:
    """Return a time in UTC as ISO 8601, rounded to milliseconds.

    >>> from datetime import UTC
    >>> utc_text(datetime(1970, 1, 1, 0, 0, 0, 250_000, UTC))
    '1970-01-01T00:00:00.250Z'
    """
    rounded = time + timedelta(microseconds=500)
    return rounded.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
