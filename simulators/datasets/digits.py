"""scikit-learn's 8 x 8 digits: UCI's "Optical Recognition of Handwritten Digits", its test set.

CC BY 4.0 (E. Alpaydin, C. Kaynak, 1998, https://doi.org/10.24432/C50P49); it comes with
scikit-learn, so nothing of it lies here.
"""

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.datasets.pooling import MAX_ANGLE

N_TRAIN = 1500  # ours: the first; the last 297, 27 to 33 of a class, are for the test
SIDE, MAX_VALUE = 8, 16  # of an image; a pixel counts the ink among 4 x 4


def digits_arrays() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Angles x = v / 16 * 2 pi / 8, float32 (1797, 8, 8), and labels 0..9, in their order there."""
    from sklearn.datasets import load_digits  # takes a second to import

    data = load_digits()
    angles = np.asarray(data.images, dtype=np.float64) / MAX_VALUE * MAX_ANGLE
    return angles.astype(np.float32), np.asarray(data.target, dtype=np.int64)
