"""Why it is not 1/P².

How aligned the patches' top directions are, and what carries the top eigenvector of H: the
patches, or the pixel bias that they share.

Alt: On the left the alignment stays near one at 4, 9 and 16 patches where 1/P is a falling line.
On the right stacked bars: the patches carry most of the top eigenvector, the pixel bias up to 13
percent.
"""

from pathlib import Path

from patchlaw.cli import main

# on a command line: patchlaw figures alignment
main(["figures", "alignment", "--out", ".", "--format", "png"], standalone_mode=False)
Path("alignment.png").rename("j_alignment.png")
