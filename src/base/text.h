#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark {

// A to Z as a to z; every other byte stays, whatever the locale.
std::string AsciiLower(std::string_view text);
// As SQL and configuration names are compared: alike but for the case of A to Z.
bool EqualsNoCase(std::string_view a, std::string_view b);

// How many letters have to be put in, taken out, replaced or swapped with their neighbour, whatever
// their case.
std::size_t EditDistance(std::string_view a, std::string_view b);

// The place of the first byte that is no part of UTF-8; npos: all of it is.
std::size_t FindNotUtf8(std::string_view text);
inline bool IsUtf8(std::string_view text) { return FindNotUtf8(text) == text.npos; }
// Adds a part with its length before it: texts of such parts are alike only if all parts are.
void AppendPart(std::string_view part, std::string& to);

// `code`: below 0x110000.
void AppendUtf8(std::uint32_t code, std::string& to);

}  // namespace tidemark
