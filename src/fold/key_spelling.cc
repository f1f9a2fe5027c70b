#include "fold/key_spelling.h"

#include <locale.h>
#include <wctype.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "fold/row_bytes.h"

namespace tidemark {
namespace {

// Of the whole of Unicode, and the same on every machine; null: the system does not have it.
locale_t UnicodeLocale() {
  static const locale_t kLocale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return kLocale;
}

std::uint32_t LowerOf(std::uint32_t code) {
  auto locale = UnicodeLocale();
  return locale ? static_cast<std::uint32_t>(::towlower_l(static_cast<wint_t>(code), locale))
                : code;
}

// The character at the beginning of valid UTF-8.
std::uint32_t CodeAt(std::string_view text, std::size_t* bytes) {
  auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  auto lead = byte(0);
  *bytes = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  auto code = *bytes == 1 ? lead : lead & (0x7FU >> *bytes);
  for (std::size_t i = 1; i < *bytes; ++i) code = code << 6 | (byte(i) & 0x3F);
  return code;
}

// Bytes of one value at the beginning of `row`, its class included; as RowEncoder writes them.
std::size_t ValueBytes(std::string_view row) {
  switch (static_cast<ValueClass>(row.front())) {
    case ValueClass::kNull:
    case ValueClass::kFalse:
    case ValueClass::kTrue:
      return 1;
    case ValueClass::kText:
    case ValueClass::kBytes: {
      std::uint32_t size = 0;
      std::memcpy(&size, row.data() + 1, sizeof size);
      return 1 + sizeof size + size;
    }
    case ValueClass::kDecimal:
      return 18;
    case ValueClass::kDecimalWide:
      return 34;
    case ValueClass::kTimestamp:
    case ValueClass::kDuration:
      return 13;
    default:
      return 9;
  }
}

}  // namespace

void AppendLower(std::string_view text, std::string& to) {
  auto is_ascii = [](char c) { return (c & 0x80) == 0; };
  if (std::ranges::all_of(text, is_ascii)) {
    to += AsciiLower(text);
    return;
  }
  if (!IsUtf8(text)) {
    to += text;
    return;
  }
  while (!text.empty()) {
    std::size_t bytes = 0;
    AppendUtf8(LowerOf(CodeAt(text, &bytes)), to);
    text.remove_prefix(bytes);
  }
}

KeySpelling::KeySpelling(const std::vector<Column>& key) {
  bool is_exact = std::ranges::all_of(
      key, [](const Column& column) { return column.spelling == Spelling::kExact; });
  if (is_exact) return;
  for (const auto& column : key) spellings_.push_back(column.spelling);
}

std::string_view KeySpelling::Of(std::string_view key) {
  if (is_exact()) return key;
  canonical_.clear();
  for (auto spelling : spellings_) {
    if (key.empty()) break;
    auto value = key.substr(0, ValueBytes(key));
    key.remove_prefix(value.size());
    bool is_text = static_cast<ValueClass>(value.front()) == ValueClass::kText;
    if (spelling == Spelling::kExact || !is_text) {
      canonical_ += value;
      continue;
    }
    auto text = value.substr(1 + sizeof(std::uint32_t));
    while (text.ends_with(' ')) text.remove_suffix(1);
    canonical_ += value.front();
    if (spelling == Spelling::kCase)
      AppendLower(text, canonical_);
    else
      canonical_ += text;
    // Ends the text: no UTF-8 has this byte.
    canonical_ += '\xFF';
  }
  return canonical_;
}

}  // namespace tidemark
