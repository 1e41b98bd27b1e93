"""Any text in any encoding: ASCII stands for what an encoding lacks."""

import itertools
import re
import unicodedata

_ASCII = {
    "±": "+-", "×": "x", "·": "*", "–": "-", "—": "-", "−": "-", "→": "->", "←": "<-",  # noqa: RUF001
    "≤": "<=", "≥": ">=", "≈": "~", "≠": "!=", "∞": "inf", "√": "sqrt", "∑": "sum", "†": "+",
    "…": "...", "‘": "'", "’": "'", "“": '"', "”": '"', "•": "*", "━": "-", "─": "-", "│": "|",  # noqa: RUF001
}  # fmt: skip
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ"
_SUPERSCRIPTS = re.compile(f"([{_RAISED}]+)")
_BASELINE = str.maketrans(_RAISED, "0123456789+-n")


def printable(text: str, encoding: str) -> str:
    r"""The text with ASCII in place of each character that the encoding lacks.

    A Greek letter becomes its name, a superscript ^2, an accented letter loses its accent, and
    what has no such form becomes "?". Bytes of a file's name that are no text become \xNN.
    """
    if _encodable(text, encoding):
        return text
    parts = _SUPERSCRIPTS.split(text)  # an exponent is one part, at every second place
    return "".join(
        part
        if _encodable(part, encoding)
        else "^" + part.translate(_BASELINE)
        if odd
        else "".join(c if _encodable(c, encoding) else _in_ascii(c) for c in part)
        for part, odd in zip(parts, itertools.cycle((False, True)), strict=False)
    )


def _encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _in_ascii(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    if "\udc80" <= character <= "\udcff":  # as os.fsdecode writes a byte that is no text
        return f"\\x{ord(character) - 0xDC00:02x}"
    words = unicodedata.name(character, "").split()
    if words[:1] == ["GREEK"] and "LETTER" in words:
        name = words[words.index("LETTER") + 1].lower().replace("lamda", "lambda")
        return name.capitalize() if "CAPITAL" in words else name
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    if words[:2] == ["BOX", "DRAWINGS"]:
        return "+"
    if words[:1] == ["BRAILLE"]:  # the frames of a spinner
        return "*"
    return plain or ("" if unicodedata.combining(character) else "?")
