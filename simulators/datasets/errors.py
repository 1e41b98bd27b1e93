"""The error raised for any data set that cannot be used."""


class DatasetError(ValueError):
    """A data file is missing, damaged or not what it should be.

    The message names the file, what was expected, what was found and how to put it right.
    """
