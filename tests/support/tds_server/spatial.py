"""geometry and geography, as far as tests need them: well-known text into well-known binary, with Z and M."""

from __future__ import annotations

import re
import struct

from .seam import SqlError

_KINDS = {"POINT": 1, "LINESTRING": 2, "POLYGON": 3, "MULTIPOINT": 4, "MULTILINESTRING": 5, "MULTIPOLYGON": 6}
Shape = tuple[int, bytes]  # SRID, WKB


def _bad(text: str) -> SqlError:
    return SqlError(6522, f'A .NET Framework error occurred: 24114: the label in the input well-known text "{text}" '
                          "is not valid.")


def _points(text: str) -> list[list[float]]:
    return [[float(n) for n in point.split() if n.upper() != "NULL"] for point in text.split(",")]


def _rings(text: str) -> list[list[list[float]]]:
    return [_points(ring) for ring in re.findall(r"\(([^()]*)\)", text)]


def _packed(points: list[list[float]]) -> bytes:
    return b"".join(struct.pack(f"<{len(p)}d", *p) for p in points)


def parse(text: str, srid: int) -> Shape:
    """POINT, LINESTRING, POLYGON and the MULTI… of the first two."""
    match = re.fullmatch(r"\s*(\w+)\s*(EMPTY|\((.*)\))\s*", text, re.IGNORECASE | re.DOTALL)
    if match is None or match.group(1).upper() not in _KINDS:
        raise _bad(text)
    kind, inner = _KINDS[match.group(1).upper()], match.group(3)
    if inner is None:
        nothing = struct.pack("<2d", float("nan"), float("nan")) if kind == 1 else struct.pack("<I", 0)
        return srid, struct.pack("<BI", 1, kind) + nothing
    try:
        parts = _rings(inner) if "(" in inner else [_points(inner)]
    except ValueError:
        raise _bad(text) from None
    width = len(parts[0][0])
    code = {2: 0, 3: 1000, 4: 3000}[width]
    head = struct.pack("<BI", 1, kind + code)
    if kind == 1:
        return srid, head + _packed(parts[0])
    if kind == 2:
        return srid, head + struct.pack("<I", len(parts[0])) + _packed(parts[0])
    if kind == 4:
        points = [p for part in parts for p in part]
        each = b"".join(struct.pack("<BI", 1, 1 + code) + _packed([p]) for p in points)
        return srid, head + struct.pack("<I", len(points)) + each
    inside = b"".join(struct.pack("<I", len(p)) + _packed(p) for p in parts)
    if kind == 5:
        inside = b"".join(struct.pack("<BII", 1, 2 + code, len(p)) + _packed(p) for p in parts)
    return srid, head + struct.pack("<I", len(parts)) + inside


def without_z_and_m(shape: Shape) -> bytes:
    """STAsBinary of a point; others are given back as they are where they are flat already."""
    srid, wkb = shape
    del srid
    kind = struct.unpack_from("<I", wkb, 1)[0]
    if kind < 1000:
        return wkb
    if kind % 1000 == 1:
        return struct.pack("<BI", 1, 1) + wkb[5:21]
    raise SqlError(6522, "STAsBinary with Z or M is modelled for points only; use AsBinaryZM().")
