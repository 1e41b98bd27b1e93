"""Gates by name on given qubits, each angle trained, a feature or a constant; a block of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Angle:
    """The block's trained angle number ``index``, counted from 0; several gates may share one."""

    index: int


@dataclass(frozen=True)
class Feature:
    """Feature number ``index`` of the patch (row-major pixel), wherever the block stands."""

    index: int


Parameter: TypeAlias = Angle | Feature | float

# Qubits and parameters of each gate.
ARITIES = {
    "RX": (1, 1),
    "RY": (1, 1),
    "RZ": (1, 1),
    "H": (1, 0),
    "CNOT": (2, 0),
    "CZ": (2, 0),
    "RZZ": (2, 1),
    "U3": (1, 3),
}


_MAX_RADIANS = 1e12  # ours: beyond, no digit of an angle's sine is left in single precision


@dataclass(frozen=True)
class NamedGate:
    """One gate of a ``GateBlock``; angles and features by their number in the circuit."""

    name: str
    qubits: tuple[int, ...]
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True)
class GateBlock:
    """Any list of gates, in time order: ``GateBlock((("H", 0), ("RZ", 0, Angle(0)), ...))``.

    An entry is the gate's name, its qubits, then its parameters (``ARITIES`` has their numbers):

        RX, RY, RZ   exp(-i t a / 2), a = X, Y, Z
        RZZ          exp(-i t Z Z / 2)
        U3           [[cos t/2, -e^(i l) sin t/2], [e^(i f) sin t/2, e^(i (f + l)) cos t/2]]
                     with parameters (t, f, l)
        H, CNOT (control, target), CZ

    The fast engines do not know it; the reference, qiskit and autograd run it gate by gate.

    Attributes:
        entries: the gates; lists become tuples, integers among the constants become floats.

    Raises:
        TypeError: an entry of another form.
        ValueError: an unknown gate, a wrong number of qubits or parameters, one qubit twice, a
            constant that is not finite, trained angles that leave out a number.
    """

    entries: tuple[tuple[Any, ...], ...]

    def __post_init__(self) -> None:
        """Check the list; which qubits there are the ansatz knows."""
        given: Any = self.entries
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise TypeError(f"gates: expected a list of gates, got {given!r}")
        entries = tuple(_checked(number, entry) for number, entry in enumerate(self.entries))
        object.__setattr__(self, "entries", entries)
        angles = self._indices(Angle)
        if angles != set(range(len(angles))):
            raise ValueError(
                f"gates: expected trained angles numbered 0, 1, 2, ... without a gap, got "
                f"{sorted(angles)}"
            )

    def _gates(self) -> Iterator[NamedGate]:
        for name, *rest in self.entries:
            qubits = ARITIES[name][0]
            yield NamedGate(name, tuple(rest[:qubits]), tuple(rest[qubits:]))

    def _indices(self, kind: type[Angle] | type[Feature]) -> set[int]:
        named = (p for gate in self._gates() for p in gate.parameters)
        return {p.index for p in named if isinstance(p, Angle | Feature) and type(p) is kind}

    def n_angles(self, n_qubits: int) -> int:
        """Trained angles: as many as are named."""
        return len(self._indices(Angle))

    def n_features(self, n_qubits: int) -> int:
        """Features consumed: none, as those that it reads are named by their own numbers."""
        return 0

    @property
    def features(self) -> set[int]:
        """Numbers of the features that it reads."""
        return self._indices(Feature)

    @property
    def qubits(self) -> set[int]:
        """Numbers of the qubits that it acts on."""
        return {qubit for gate in self._gates() for qubit in gate.qubits}

    def gates(self, n_qubits: int, first_angle: int, first_feature: int) -> Iterator[NamedGate]:
        """Gates in time order, angles numbered from ``first_angle``."""
        for gate in self._gates():
            parameters = tuple(
                Angle(first_angle + p.index) if isinstance(p, Angle) else p for p in gate.parameters
            )
            yield NamedGate(gate.name, gate.qubits, parameters)

    def to_json(self) -> list[list[Any]]:
        """Entries as JSON lists, ``["RZ", 0, {"angle": 3}]``."""
        return [[_plain(value) for value in entry] for entry in self.entries]

    @classmethod
    def from_json(cls, record: Any) -> "GateBlock":
        """The inverse of ``to_json``; errors as the class."""
        if not isinstance(record, list) or not all(isinstance(entry, list) for entry in record):
            raise TypeError(f"gates: expected a list of lists, got {record!r}")
        return cls(tuple(tuple(_parsed(value) for value in entry) for entry in record))


def _checked(number: int, entry: Any) -> tuple[Any, ...]:
    """An entry in its form."""
    place = f"gates: entry {number}"
    if not isinstance(entry, Sequence) or isinstance(entry, str) or not entry:
        raise TypeError(
            f"{place}: expected (name, qubits..., parameters...) such as ('RZ', 0, Angle(0)), got "
            f"{entry!r}"
        )
    name, *rest = entry
    if not isinstance(name, str) or name not in ARITIES:
        raise ValueError(f"{place}: expected one of {', '.join(ARITIES)}, got {name!r}")
    n_qubits, n_parameters = ARITIES[name]
    if len(rest) != n_qubits + n_parameters:
        raise ValueError(
            f"{place}: expected {name} with {n_qubits} qubits and {n_parameters} parameters, got "
            f"{len(rest)} values: {tuple(rest)!r}"
        )
    qubits, parameters = rest[:n_qubits], rest[n_qubits:]
    if not all(_is_count(q) for q in qubits) or len(set(qubits)) != n_qubits:
        raise ValueError(
            f"{place}: expected {name} on {n_qubits} different qubits >= 0, got {tuple(qubits)!r}"
        )
    return (name, *qubits, *(_checked_parameter(place, p) for p in parameters))


def _checked_parameter(place: str, value: Any) -> Parameter:
    if isinstance(value, Angle | Feature):
        if not _is_count(value.index):
            raise ValueError(f"{place}: expected an index >= 0, got {value!r}")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{place}: expected Angle(i), Feature(i) or radians, got {value!r}")
    if not -_MAX_RADIANS <= value <= _MAX_RADIANS:  # NaN too
        raise ValueError(f"{place}: expected finite radians, got {value!r}")
    return float(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _plain(value: Any) -> Any:
    if isinstance(value, Angle | Feature):
        return {type(value).__name__.lower(): value.index}
    return value


def _parsed(value: Any) -> Any:
    if isinstance(value, dict):
        for kind in (Angle, Feature):
            if set(value) == {kind.__name__.lower()}:
                return kind(value[kind.__name__.lower()])
    return value
