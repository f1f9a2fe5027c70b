#pragma once
#include <cmath>

#include "encode/cells.h"

namespace tidemark {

// A value that is not NULL, as JSON has it; bytes as base64 (unified/row_json.h lists what stands
// for what). False: a text is not UTF-8, and what was put of it is to be thrown away.
inline bool AppendJsonCell(const Cells& cells, std::int64_t row, text::Output& out) {
  const CellType& type = cells.type();
  if (type.is_text()) return text::AppendJsonText(cells.Bytes(row), out);
  if (type.is_bytes()) {
    text::Append("\"", out);
    text::AppendBase64(cells.Bytes(row), out);
    text::Append("\"", out);
    return true;
  }
  char* to = out.Room(text::kValueBytesMax + 2);
  const bool is_bare = type.is_bare() && !(type.is_real() && !std::isfinite(cells.Real(row)));
  if (is_bare) {
    out.MoveTo(cells.Put(to, row));
    return true;
  }
  *to++ = '"';
  to = cells.Put(to, row);
  *to++ = '"';
  out.MoveTo(to);
  return true;
}

}  // namespace tidemark
