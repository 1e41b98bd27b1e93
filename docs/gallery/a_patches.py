"""Where the patches lie.

An image of 14 × 14 pixels is read by P circuits, each through a window of 8 × 8. The image does
not grow with P, so more and more circuits read the same pixel.

Alt: Four grey maps of 14 by 14 pixels for 4, 9, 16 and 49 patches. The number of patches that
read a pixel is one at every corner and grows towards the middle, to 4, 9, 16 and 49.
"""

import matplotlib.pyplot as plt

from patchlaw import PatchGrid

figure, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
for panel, n_patches in zip(axes, (4, 9, 16, 49), strict=True):
    grid = PatchGrid(image_side=14, patch_side=8, n_patches=n_patches)
    panel.imshow(grid.coverage, cmap="Greys", vmin=0)
    panel.set_title(f"P = {n_patches}, at most {grid.coverage.max()}")
    panel.set_xticks([])
    panel.set_yticks([])
figure.savefig("a_patches.png", dpi=150)
