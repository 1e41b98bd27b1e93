"""The subcommands of ``patchlaw``, a module each."""
