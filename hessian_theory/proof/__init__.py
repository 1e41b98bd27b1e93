"""Derivations as objects: steps, what they rest on, and the checks that decide them."""
