"""What a user chooses of a training run, declared once: an option of ``train``, a key of plans."""

from dataclasses import MISSING, dataclass, fields

from patchlaw.simulators.ansatz import Ansatz
from patchlaw.simulators.named_circuits import CIRCUITS, OBSERVABLES
from patchlaw.simulators.output_losses import LOSSES
from patchlaw.verification.settings import DATASETS, setting

BATCH_SIZE = 1000  # paper, Sec. 4
MAX_QUBITS = 16  # ours: what a state's memory allows


@dataclass(frozen=True)
class RunSettings:
    """What each is stands beside it; at the defaults, the paper's, a run keeps its old name.

    An ``axis`` is a part of model and data: plans list it, and records say where it is another.
    """

    patches: int = setting(MISSING, "--patches", "Number of patches P.")
    depth: int = setting(MISSING, "--depth", "Circuit depth d.")
    seed: int = setting(1001, "--seed", "Seed of the initial angles and of the batches.", least=0)
    epochs: int = setting(50, "--epochs", "Epochs to be done.")
    learning_rate: float | None = setting(
        None,
        "--learning-rate",
        "Adam's initial rate.  [default: the author's for d]",
        least=None,
        real=True,
    )
    dtype: str = setting("float32", "--dtype", "Precision.", choices=("float32", "float64"))
    batch_size: int = setting(BATCH_SIZE, "--batch-size", "Images a mini-batch, about.")
    images: int | None = setting(
        None, "--images", "Train on a stratified part of the images.", least=10
    )
    alpha: float = setting(
        1.0,
        "--alpha",
        "Exponent of the logits' factor s = c P^(-alpha); 1 is the mean over the patches.",
        least=0,
        most=2,
        axis=True,
    )
    scale: float = setting(100.0, "--scale", "Its c.", least=0, most=1e6, above=True, axis=True)
    bias: bool = setting(True, "--bias", "Whether there is a pixel bias.", axis=True)
    shared_angles: bool = setting(
        False, "--shared-angles", "Whether all patches have the same angles.", axis=True
    )
    qubits: int = setting(
        Ansatz.n_qubits,
        "--qubits",
        "Qubits n of a patch's circuit; pixels are angles up to 2 pi / n.",
        least=2,
        most=MAX_QUBITS,
        axis=True,
    )
    patch_side: int | None = setting(
        None, "--patch-side", "Pixels of a patch's side.  [default: n]", axis=True
    )
    image_side: int | None = setting(
        None,
        "--image-side",
        "Pixels of the images' side; another than the data set's is for samples from Python and "
        "for `patchlaw plan`.  [default: the data set's]",
        axis=True,
    )
    noise: float = setting(
        0.0,
        "--noise",
        "p of global depolarising after each of a circuit's m gates: outputs (1 - p)^m f.",
        least=0,
        most=1,
        axis=True,
    )
    data: str = setting(
        "mnist",
        "--data",
        "Data set.",
        choices=DATASETS,
        fix="; other data are named on the command line, with --data",
        axis=True,
    )
    ansatz: str = setting(
        "paper", "--ansatz", "Circuit of a patch.", choices=tuple(CIRCUITS), axis=True
    )
    observables: str = setting(
        "paper",
        "--observables",
        "Pauli strings that the classes read: X, then Z on the first C/2 qubits (paper), "
        "Z of a qubit, or ZZ of a pair.",
        choices=tuple(OBSERVABLES),
        axis=True,
    )
    loss: str = setting(
        "cross_entropy",
        "--loss",
        "Of the logits: softmax cross-entropy, or |z - one-hot|^2 / 2.",
        choices=tuple(LOSSES),
        axis=True,
    )

    @property
    def changes(self) -> str:
        """What differs from the paper's model and data, as a plan writes it; empty if nothing."""
        axes = (each for each in fields(self) if each.metadata.get("axis"))
        found = {each.name: (getattr(self, each.name), each.default) for each in axes}
        words = (f"{name}={value}" for name, (value, paper) in found.items() if value != paper)
        return " ".join(words).replace("True", "true").replace("False", "false")
