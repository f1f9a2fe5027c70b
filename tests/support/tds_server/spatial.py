"""geometry, geography and hierarchyid, as far as tests need them: from text, to text, and their bytes."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from .seam import SqlError

_KINDS = {"POINT": 1, "LINESTRING": 2, "POLYGON": 3, "MULTIPOINT": 4, "MULTILINESTRING": 5, "MULTIPOLYGON": 6}
_VALID, _SINGLE_POINT, _SINGLE_LINE, _HAS_Z, _HAS_M = 0x04, 0x08, 0x10, 0x01, 0x02


@dataclass(frozen=True)
class Shape:
    """`wkb` with Z and M; `raw` is what a server stores and sends where nobody converts it ([MS-SSCLRT])."""

    srid: int
    text: str
    wkb: bytes
    raw: bytes

    def __bytes__(self) -> bytes:
        return self.raw


@dataclass(frozen=True)
class Hierarchy:
    """A path such as /1/2/. Its bytes sort as the server sorts."""

    path: str

    def __str__(self) -> str:
        return self.path

    def __bytes__(self) -> bytes:
        bits = "".join(map(_step, [step for step in self.path.split("/") if step]))
        bits += "0" * (-len(bits) % 8)
        return int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def _step(step: str) -> str:
    """One step of a path: a prefix that tells the range, the digits, and a last 1 for a whole step."""
    if not step.isdigit() or int(step) > 1103:
        raise SqlError(6522, f"A .NET Framework error occurred: 24001: the path step '{step}' is not modelled.")
    n = int(step)
    if n < 4:
        return f"01{n:02b}1"
    if n < 8:
        return f"100{n - 4:02b}1"
    if n < 16:
        return f"101{n - 8:03b}1"
    if n < 80:
        b = f"{n - 16:06b}"
        return f"110{b[:2]}0{b[2]}1{b[3:]}1"
    b = f"{n - 80:010b}"
    return f"1110{b[:3]}0{b[3:6]}0{b[6]}1{b[7:]}1"


def of_text(type_name: str, text: str) -> Shape | Hierarchy:
    if type_name == "hierarchyid":
        if not re.fullmatch(r"/([\d.]+/)*", text):
            raise SqlError(6522, f"A .NET Framework error occurred: 24001: SqlHierarchyId.Parse failed because the "
                                 f"input string '{text}' is not a valid string representation.")
        bytes(Hierarchy(text))
        return Hierarchy(text)
    return parse(text, 4326 if type_name == "geography" else 0, type_name == "geography")


def _bad(text: str) -> SqlError:
    return SqlError(6522, f'A .NET Framework error occurred: 24114: the label in the input well-known text "{text}" '
                          "is not valid.")


def _points(text: str) -> list[list[float]]:
    return [[float("nan") if n.upper() == "NULL" else float(n) for n in point.split()] for point in text.split(",")]


def _packed(points: list[list[float]]) -> bytes:
    return b"".join(struct.pack(f"<{len(p)}d", *p) for p in points)


def _wkb(kind: int, parts: list[list[list[float]]]) -> bytes:
    if not parts:
        nothing = struct.pack("<2d", float("nan"), float("nan")) if kind == 1 else struct.pack("<I", 0)
        return struct.pack("<BI", 1, kind) + nothing
    code = {2: 0, 3: 1000, 4: 3000}[len(parts[0][0])]
    head = struct.pack("<BI", 1, kind + code)
    if kind == 1:
        return head + _packed(parts[0])
    if kind == 2:
        return head + struct.pack("<I", len(parts[0])) + _packed(parts[0])
    if kind == 3:
        return head + struct.pack("<I", len(parts)) + b"".join(struct.pack("<I", len(p)) + _packed(p) for p in parts)
    if kind == 4:
        points = [p for part in parts for p in part]
        return head + struct.pack("<I", len(points)) + b"".join(struct.pack("<BI", 1, 1 + code) + _packed([p])
                                                                for p in points)
    return head + struct.pack("<I", len(parts)) + b"".join(struct.pack("<BII", 1, 2 + code, len(p)) + _packed(p)
                                                           for p in parts)


def _stored(kind: int, parts: list[list[list[float]]], srid: int, swapped: bool) -> bytes:
    """geography stores latitude before longitude."""
    points = [p for part in parts for p in part]
    width = len(points[0]) if points else 2
    flags = _VALID | (_HAS_Z if width > 2 else 0) | (_HAS_M if width > 3 else 0)
    plane = b"".join(struct.pack("<2d", *((p[1], p[0]) if swapped else (p[0], p[1]))) for p in points)
    rest = b"".join(struct.pack("<d", p[i]) for i in range(2, width) for p in points)
    if kind == 1 and points:
        return struct.pack("<iBB", srid, 1, flags | _SINGLE_POINT) + plane + rest
    if kind == 2 and len(points) == 2:
        return struct.pack("<iBB", srid, 1, flags | _SINGLE_LINE) + plane + rest
    head = struct.pack("<iBBI", srid, 1, flags, len(points)) + plane + rest
    figure_kind, first = 2 if kind == 3 else 1, 0
    figures = struct.pack("<I", len(parts))
    for part in parts:
        figures += struct.pack("<BI", figure_kind, first)
        first += len(part)
    single = kind in (1, 2, 3)
    shapes = struct.pack("<IiiB", 1 if single else 1 + len(parts), -1, 0 if points else -1, kind)
    if not single:
        shapes += b"".join(struct.pack("<iiB", 0, i, kind - 3) for i in range(len(parts)))
    return head + figures + shapes


def parse(text: str, srid: int, swapped: bool = False) -> Shape:
    """POINT, LINESTRING, POLYGON and the MULTI… of the first two."""
    match = re.fullmatch(r"\s*(\w+)\s*(EMPTY|\((.*)\))\s*", text, re.IGNORECASE | re.DOTALL)
    if match is None or match.group(1).upper() not in _KINDS or match.group(1).upper() == "MULTIPOLYGON":
        raise _bad(text)
    kind, inner = _KINDS[match.group(1).upper()], match.group(3)
    parts: list[list[list[float]]] = []
    try:
        if inner is not None:
            parts = [_points(ring) for ring in re.findall(r"\(([^()]*)\)", inner)] if "(" in inner else [_points(inner)]
        return Shape(srid, text, _wkb(kind, parts), _stored(kind, parts, srid, swapped))
    except (ValueError, KeyError, IndexError):
        raise _bad(text) from None


def without_z_and_m(shape: Shape) -> bytes:
    """What STAsBinary gives."""
    kind = struct.unpack_from("<I", shape.wkb, 1)[0]
    if kind < 1000:
        return shape.wkb
    flat = re.sub(r"(-?[\d.eE+-]+)\s+(-?[\d.eE+-]+)(?:\s+(?:-?[\d.eE+-]+|NULL))*", r"\1 \2", shape.text)
    return parse(flat, shape.srid).wkb
