#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::cli {

// Lines of text in columns as wide as their widest cell.
class Columns {
 public:
  enum class Align { kLeft, kRight };
  struct Heading {
    std::string_view text;
    Align align = Align::kLeft;
  };
  explicit Columns(std::vector<Heading> headings) : headings_(std::move(headings)) {}
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool is_empty() const { return rows_.empty(); }
  std::string Text() const;

 private:
  std::vector<Heading> headings_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tidemark::cli
