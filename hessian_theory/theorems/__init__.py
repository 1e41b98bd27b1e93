"""The theorems, one file per theme."""
