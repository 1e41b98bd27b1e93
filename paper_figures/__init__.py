"""Figures and tables of the paper, drawn from verification's records."""
