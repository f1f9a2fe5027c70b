#include "cli/progress.h"

#include <unistd.h>

#include <cstdlib>

#include "cli/progress_bars.h"
#include "cli/progress_lines.h"

namespace tidemark::cli {
namespace {

// Null: none is wanted.
std::unique_ptr<ProgressView> ViewFor(const Arguments& arguments) {
  auto format = arguments.Text("--progress").value_or("bars");
  if (format == "none" || arguments.Has("--no-progress")) return nullptr;
  if (format == "json") return std::make_unique<ProgressLines>(stderr, SystemClock());
  const char* term = std::getenv("TERM");
  bool is_dumb = !term || std::string_view(term) == "dumb";
  if (is_dumb || !::isatty(STDERR_FILENO) || arguments.Has("--quiet")) return nullptr;
  return std::make_unique<ProgressBars>();
}

}  // namespace

std::function<void(const ProgressEvent&)> Progress::Call() {
  return [this](const ProgressEvent& event) {
    if (event.kind == ProgressEvent::Kind::kPlanned && !view_) view_ = ViewFor(arguments_);
    if (view_) view_->Show(event);
  };
}

}  // namespace tidemark::cli
