"""What a file on disk can be refused for."""


class StoreError(ValueError):
    """It cannot be used; the message says expected, got and the fix."""


class RecordError(StoreError):
    """It is missing, cut short, altered, of another version, or another program's."""


class InUseError(StoreError):
    """Another process works on it."""
