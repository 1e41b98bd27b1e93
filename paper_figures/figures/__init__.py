"""One module a figure: each reads records and draws, and says which figure of the paper it is."""
