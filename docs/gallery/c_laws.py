"""How much flatter do more patches make a minimum?

Three laws for the largest eigenvalue at P patches, as a fraction of that at 4. The paper's says
1/P². Where the patches' top directions are aligned it is 1/P, and with the part that the shared
pixel bias carries it levels off.

Alt: Curves of three laws against the number of patches from 4 to 49 on logarithmic axes. The
paper's law falls to 0.007, the aligned law to 0.08, and the law that levels off to 0.15.
"""

import matplotlib.pyplot as plt

from patchlaw import predict_eigenvalue_ratio
from patchlaw.hessian_theory.predictions import LevelOffLaw

patches = [side**2 for side in range(2, 8)]
figure, panel = plt.subplots(figsize=(6, 3.6), layout="constrained")
for law, words in (("elementwise", "1/P² (the paper)"), ("aligned", "1/P (aligned)")):
    ratios = [float(predict_eigenvalue_ratio(4, each, law=law)) for each in patches]
    panel.loglog(patches, ratios, "o-", label=words)
levels = LevelOffLaw.from_parts(4, 12.0, 0.9)  # of G over the angles and over the bias, at P = 4
ratios = [float(levels.value_at(each) / levels.value_at(4)) for each in patches]
panel.loglog(patches, ratios, "o-", label="a/P + b (levelling off)")
panel.set(xlabel="number of patches P", ylabel="λ_max at P over λ_max at 4", xticks=patches)
panel.set_xticklabels(patches)
panel.minorticks_off()
panel.legend()
figure.savefig("c_laws.png", dpi=150)
