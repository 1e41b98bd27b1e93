"""The circuit that reads one patch.

Blocks of trained rotations and rings of CZ, with the pixels written in between. Here with one
layer a block on four qubits; the paper's has 50 to 200 layers on eight.

Alt: A circuit diagram of four qubits in which rotations by trained angles phi and by features x
alternate, with rings of CZ gates after each layer.
"""

from patchlaw import Ansatz
from patchlaw.simulators.qiskit_circuit import qnn_circuit

circuit = qnn_circuit(Ansatz(n_qubits=4, depth=1))
figure = circuit.draw("mpl", fold=20, scale=0.7, style="bw")
figure.savefig("d_circuit.png", dpi=120, bbox_inches="tight")
