"""Every law against every measured ratio.

Each law's ratio of largest eigenvalues over the measured one: the author's models, ours at his
size, and shallow circuits. Grey: within 20 %. The table behind it is in
[findings](findings.md#ratios-between-numbers-of-patches).

Alt: A row of points for each law on a logarithmic axis. The paper's law predicts too much
flattening, nearly always, down to an eighth; the aligned law too little; the tangent kernel and
the sum of blocks lie closest to one.
"""

from pathlib import Path

from patchlaw.cli import main

# on a command line: patchlaw figures law-summary
main(["figures", "law-summary", "--out", ".", "--format", "png"], standalone_mode=False)
Path("law-summary.png").rename("h_laws.png")
