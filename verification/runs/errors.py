"""What a run on disk can be refused for."""


class RunError(ValueError):
    """A run, or a file of it, cannot be used; the message says expected, got and the fix."""


class DamagedRunError(RunError):
    """A file of a run is missing, cut short, altered, or another program's."""


class RunInUseError(RunError):
    """Another process holds the run."""
