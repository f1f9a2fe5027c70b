#include "cli/progress_bars.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/clock.h"
#include "cli/output.h"
#include "cli/quantities.h"

namespace tidemark::cli {
namespace {

constexpr int kBarWidth = 20;
constexpr int kTablesShownMax = 8;
constexpr auto kInterval = std::chrono::milliseconds(100);

// At most `width` columns; a code point counts as one.
std::string Fitted(std::string_view text, int width) {
  std::string fitted;
  int columns = 0;
  for (char c : text) {
    bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (!continues && columns++ == width) break;
    fitted += c;
  }
  for (; columns < width; ++columns) fitted += ' ';
  return fitted;
}

std::string Bar(double share) {
  auto filled = static_cast<int>(std::clamp(share, 0.0, 1.0) * kBarWidth);
  return "[" + std::string(static_cast<std::size_t>(filled), '#') +
         std::string(static_cast<std::size_t>(kBarWidth - filled), '-') + "]";
}

struct Amounts {
  std::int64_t estimated_rows, rows, bytes, elapsed_us, resumed_rows;
};

std::string LineOf(const Amounts& amounts) {
  auto seconds = static_cast<double>(std::max<std::int64_t>(amounts.elapsed_us, 1)) / 1e6;
  auto rate = static_cast<double>(amounts.rows - amounts.resumed_rows) / seconds;
  auto line = fmt::format("{:>12} rows  {:>9}  {:>9}/s", Grouped(amounts.rows),
                          SizeText(amounts.bytes), Grouped(static_cast<std::int64_t>(rate)));
  if (amounts.estimated_rows <= 0) return std::string(kBarWidth + 7, ' ') + line;
  auto share = static_cast<double>(amounts.rows) / static_cast<double>(amounts.estimated_rows);
  auto text = fmt::format("{} {:>3}% {}", Bar(share),
                          static_cast<int>(std::clamp(share, 0.0, 1.0) * 100), line);
  if (rate > 0 && share < 1)
    text += fmt::format(
        "  ETA {}",
        DurationText(static_cast<std::int64_t>(
            (static_cast<double>(amounts.estimated_rows - amounts.rows) / rate) * 1e6)));
  return text;
}

bool HasColour() {
  const char* no_colour = std::getenv("NO_COLOR");
  return !no_colour || !*no_colour;
}

}  // namespace

ProgressBars::ProgressBars() : has_colour_(HasColour()) {
  total_.began_us = SystemClock().MonotonicUs();
  drawing_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!ending_.wait_for(lock, kInterval, [this] { return is_ending_; })) {
      lock.unlock();
      Draw();
      lock.lock();
    }
  });
}

ProgressBars::~ProgressBars() {
  {
    std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  ending_.notify_all();
  drawing_.join();
  if (lines_drawn_ > 0) {
    auto erase = fmt::format("\x1b[{}A\x1b[J", lines_drawn_);
    std::fwrite(erase.data(), 1, erase.size(), stderr);
  }
}

void ProgressBars::Show(const ProgressEvent& event) {
  using Kind = ProgressEvent::Kind;
  std::lock_guard lock(mutex_);
  if (event.kind == Kind::kPlanned) {
    tables_ = event.tables;
    total_.estimated_rows = event.estimated_rows;
  } else if (event.kind == Kind::kBegan) {
    at_work_[event.table] = {.estimated_rows = event.estimated_rows,
                             .began_us = SystemClock().MonotonicUs()};
  } else if (event.kind == Kind::kRetried) {
    --ended_;
    --failed_;
  } else if (event.kind == Kind::kEnded) {
    at_work_.erase(event.table);
    ++ended_;
    failed_ += event.is_ok ? 0 : 1;
  } else {
    for (auto* work : {&at_work_[event.table], &total_}) {
      work->rows += event.rows;
      work->bytes += event.bytes;
      if (event.kind == Kind::kResumed) work->resumed_rows += event.rows;
    }
  }
}

std::vector<std::string> ProgressBars::Lines(int width, int height) const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> lines;
  auto now_us = SystemClock().MonotonicUs();
  auto name_width = std::clamp(width - 80, 12, 32);
  int shown_max = std::clamp(height - 3, 1, kTablesShownMax);
  for (const auto& [name, work] : at_work_) {
    if (static_cast<int>(lines.size()) == shown_max) break;
    lines.push_back(Fitted(Printable(Display(name)), name_width) + " " +
                    LineOf({work.estimated_rows, work.rows, work.bytes, now_us - work.began_us,
                            work.resumed_rows}));
  }
  auto heading = fmt::format("{} of {} tables", ended_, tables_);
  if (failed_ > 0) heading += fmt::format(", {} failed", failed_);
  auto total = Fitted(heading, std::max<int>(name_width, static_cast<int>(heading.size()))) + " " +
               LineOf({total_.estimated_rows, total_.rows, total_.bytes, now_us - total_.began_us,
                       total_.resumed_rows});
  for (auto& line : lines) line = Fitted(line, width - 1);
  total = Fitted(total, width - 1);
  lines.push_back(has_colour_ ? "\x1b[1m" + total + "\x1b[0m" : total);
  return lines;
}

void ProgressBars::Draw() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) size = {24, 100, 0, 0};
  auto lines = Lines(size.ws_col, size.ws_row);
  std::string text;
  if (lines_drawn_ > 0) text = fmt::format("\x1b[{}A\x1b[J", lines_drawn_);
  for (const auto& line : lines) text += line + "\n";
  lines_drawn_ = static_cast<int>(lines.size());
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace tidemark::cli
