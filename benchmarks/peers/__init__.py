"""Other libraries doing the same work, each in a process of their own environment."""
