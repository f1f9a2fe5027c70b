#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark::json {

// A place in one JSON text, moved on by what is read. Everything that returns bool says whether it
// was there; after a false the text is given up.
class Text {
 public:
  explicit Text(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  void SkipSpace() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool Take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool Take(std::string_view text) {
    if (!std::string_view(at_, end_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  bool IsAtEnd() const { return at_ == end_; }
  bool IsAtText() const { return at_ < end_ && *at_ == '"'; }
  const char* at() const { return at_; }

  bool TakeInteger(std::int64_t& value);
  bool TakeUnsigned(std::uint64_t& value);
  bool TakeReal(double& value);
  bool TakeFloat(float& value);
  // Without its quotes and escapes; good as long as `scratch` and the whole text are.
  bool TakeText(std::string& scratch, std::string_view& value);
  // A value of any kind but objects and arrays.
  bool SkipValue();

 private:
  bool TakeEscape(std::string& to);
  bool TakeCodeUnit(unsigned& unit);

  const char *at_, *end_;
};

// The bytes that base64 text stands for.
bool DecodeBase64(std::string_view text, std::string& bytes);
// YYYY-MM-DD, a real day: days since 1970. Years beyond four digits or below zero have a sign.
std::optional<std::int64_t> ParseDay(std::string_view& text);
// HH:MM:SS with at most `digits` of a fraction, 0 to 9: how many of the smallest are in it.
std::optional<std::int64_t> ParseTimeOfDay(std::string_view& text, int digits);
// A day, T, a time of day and perhaps +00:00; nothing when it does not fit 64 bits.
std::optional<std::int64_t> ParseTimestamp(std::string_view text, int digits);

}  // namespace tidemark::json
