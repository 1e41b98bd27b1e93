"""Predicted against measured spectra.

The twelve largest eigenvalues of the Gauss-Newton term over the angles, predicted by the tangent
kernel from data, encodings and softmax outputs with nothing fitted, against those measured. Grey:
within 20 %.

Alt: Predicted against measured eigenvalues for 4, 9, 16 and 49 patches, before training and at
the minimum, on logarithmic axes. The points lie along the diagonal, closer before training; pale
points of shallow circuits lie further off.
"""

from pathlib import Path

from patchlaw.cli import main

# on a command line: patchlaw figures kernel-spectra
main(["figures", "kernel-spectra", "--out", ".", "--format", "png"], standalone_mode=False)
Path("kernel-spectra.png").rename("g_spectra.png")
