"""Work that a kill may end at any moment, what it reports, and how that is shown."""
