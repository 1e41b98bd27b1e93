"""The loss around a minimum, over the plane of the training trajectory (paper, Appendix B)."""
