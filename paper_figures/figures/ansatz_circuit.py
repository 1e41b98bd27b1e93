"""Fig. 5 of the paper: the ansatz, drawn by qiskit from the circuit that the simulators share.

The two kinds of blocks gate by gate and the whole circuit block by block, on four qubits. On the
paper's eight an encoding block has its six rotations twice, as every qubit takes four features.
"""

from typing import TYPE_CHECKING, Any

from patchlaw.paper_figures import panels
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet
from patchlaw.simulators.ansatz import Ansatz, Block, EntanglingBlock
from patchlaw.simulators.qiskit_circuit import qnn_circuit

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_HEIGHT = 3.5
_QUBITS = 4  # few enough to be read
# Of the blocks, for equal scales: they are so many gates wide. Of the rows.
_WIDTHS, _HEIGHTS = (7.8, 12.2), (1.0, 0.9)
# Qiskit's own for a drawing in black and white, but for the sizes of parameters and margins
# (left, right, bottom, top, in gates).
_STYLE = {"name": "bw", "fontsize": 14, "subfontsize": 12, "margin": [1.7, 0.1, 0.1, 0.1]}
# Boxes are as wide as at qiskit's own size of text, which leaves room for larger text.
_BOX_STYLE = _STYLE | {"fontsize": 22}


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure; it needs no record."""
    sheet = Sheet(inputs, _HEIGHT)
    whole = Ansatz(_QUBITS, depth=1)
    entangling, encoding = whole.blocks[:2]
    rows = sheet.figure.add_gridspec(2, 1, height_ratios=_HEIGHTS)
    top = rows[0].subgridspec(1, 2, width_ratios=_WIDTHS)
    for index, (name, block) in enumerate(
        (("entangling block", entangling), ("encoding block", encoding))
    ):
        axes = sheet.figure.add_subplot(top[index])
        circuit = _with_symbols(qnn_circuit(Ansatz.from_blocks(_QUBITS, (block,))))
        _draw(circuit, axes, _STYLE)
        panels.title(axes, index, f"{name}, $n = {_QUBITS}$")
        sheet.numbers.append(
            {
                "name": name,
                "qubits": _QUBITS,
                "gates": dict(circuit.count_ops()),
                "angles": block.n_angles(_QUBITS),
                "features": block.n_features(_QUBITS),
            }
        )
    axes = sheet.figure.add_subplot(rows[1])
    _draw(_of_blocks(whole), axes, _BOX_STYLE)
    panels.title(
        axes, 2, f"circuit of one patch, $n = {_QUBITS}$ (paper: $n = {Ansatz().n_qubits}$)"
    )
    sheet.numbers.append(
        {
            "name": "circuit",
            "qubits": whole.n_qubits,
            "blocks": [_label(block) for block in whole.blocks],
        }
    )
    return sheet.drawing()


def _with_symbols(circuit: Any) -> Any:
    """The circuit with its parameters named as a formula has them."""
    from qiskit.circuit import Parameter

    names = {"phi": r"\phi", "x": "x"}
    symbols = {
        old: Parameter(f"${names[old.vector.name]}_{{{old.index}}}$") for old in circuit.parameters
    }
    return circuit.assign_parameters(symbols)


def _of_blocks(ansatz: Ansatz) -> Any:
    """A circuit with one box for each block."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Gate

    circuit = QuantumCircuit(ansatz.n_qubits)
    for block in ansatz.blocks:
        gate = Gate("block", ansatz.n_qubits, [], label=_label(block))
        circuit.append(gate, range(ansatz.n_qubits))
    return circuit


def _label(block: Block) -> str:
    if isinstance(block, EntanglingBlock):
        return "$d$ entangling\nblocks" + ("" if block.final_ring else ",\nno last ring")
    return "encoding,\n$n/2$ features a qubit"


def _draw(circuit: Any, axes: "Axes", look: dict[str, Any]) -> None:
    circuit.draw("mpl", ax=axes, style=look, fold=-1, plot_barriers=False)
