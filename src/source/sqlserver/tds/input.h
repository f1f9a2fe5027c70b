#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace tidemark::tds {

// The most that anyone asks for at once. Larger values are taken piece by piece.
inline constexpr std::size_t kWindowMax = std::size_t{1} << 20;

// The payload of one message, packet headers taken off, as a window that moves and grows. One
// thread. Pointers into the window hold until the next call of Need or AtEnd.
class Input {
 public:
  Input() = default;
  virtual ~Input() = default;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  // What is there without waiting.
  const std::uint8_t* begin() const { return begin_; }
  const std::uint8_t* end() const { return end_; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }

  // bytes <= size()
  void Skip(std::size_t bytes) { begin_ += bytes; }

  // Then size() >= bytes; bytes <= kWindowMax. kCorrupt: the message ended before; kUnavailable:
  // the connection did, or time ran out; kCancelled: somebody asked to stop.
  Status Need(std::size_t bytes) {
    if (size() >= bytes) [[likely]]
      return {};
    return Fill(bytes);
  }

  // Whether the message has no byte left. Waits where that cannot be known yet.
  Result<bool> AtEnd() {
    if (begin_ != end_) return false;
    return !TRY(Extend(1));
  }

 protected:
  // Makes size() >= bytes; false: the message ends before. What stands in the window stays first.
  virtual Result<bool> Extend(std::size_t bytes) = 0;

  const std::uint8_t* begin_ = nullptr;
  const std::uint8_t* end_ = nullptr;

 private:
  // Out of line of the test in Need, which is made for every value.
  [[gnu::noinline]] Status Fill(std::size_t bytes) {
    TIDEMARK_CHECK(bytes <= kWindowMax);
    if (TRY(Extend(bytes))) return {};
    return Fail(ErrorKind::kCorrupt, "the server's message ends in the middle of a value");
  }
};

// A message that lies in memory, of which the caller keeps the bytes. With a `step` it shows only
// that many bytes more whenever it is asked, as a slow connection would.
class MemoryInput final : public Input {
 public:
  explicit MemoryInput(std::span<const std::uint8_t> bytes, std::size_t step = SIZE_MAX)
      : last_(bytes.data() + bytes.size()), step_(step) {
    begin_ = bytes.data();
    end_ = begin_ + std::min(step, bytes.size());
  }
  explicit MemoryInput(std::string_view bytes, std::size_t step = SIZE_MAX)
      : MemoryInput(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()),
                    step) {}

 protected:
  Result<bool> Extend(std::size_t bytes) override {
    if (static_cast<std::size_t>(last_ - begin_) < bytes) {
      end_ = last_;
      return false;
    }
    const std::size_t more = std::max(bytes - size(), step_);
    end_ += std::min(more, static_cast<std::size_t>(last_ - end_));
    return true;
  }

 private:
  const std::uint8_t* last_;
  std::size_t step_;
};

}  // namespace tidemark::tds
