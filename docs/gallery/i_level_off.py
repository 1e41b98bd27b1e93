"""Where it levels off.

The largest eigenvalues of trained shallow circuits of 4 to 49 patches, above as measured, below
over the training loss.

Alt: Two rows of four panels, for depths 2, 5, 10 and 20. The eigenvalues fall more slowly than
the dotted line of 1/P²; over the loss, the pixel bias's part stays nearly level, and at 49
patches carries about half.
"""

from pathlib import Path

from patchlaw.cli import main

# on a command line: patchlaw figures level-off
main(["figures", "level-off", "--out", ".", "--format", "png"], standalone_mode=False)
Path("level-off.png").rename("i_level_off.png")
