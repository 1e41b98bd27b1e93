"""Figures and tables of the paper, drawn from verification's records."""

if __name__ == "paper_figures":
    raise ImportError("expected patchlaw.paper_figures, got paper_figures; import the former")
