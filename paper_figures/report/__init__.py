"""The report of ``patchlaw verify``: data, steps, files on disk, renderings."""
