"""Why a metric is missing: it is left out with a reason, never set to 0."""

from __future__ import annotations


class NotMeasurableError(Exception):
    """A metric has no value for this clip; the message is the reason, in a few words."""
