"""Subcommands that this package adds to the ``patchlaw`` console command."""
