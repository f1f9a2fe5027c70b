#include "object/keys.h"

#include <algorithm>
#include <string>

namespace tidemark {

Status CheckKey(std::string_view key) {
  std::size_t begin = 0;
  while (begin <= key.size()) {
    auto end = std::min(key.find('/', begin), key.size());
    auto part = key.substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != part.npos)
      return Fail(ErrorKind::kInvalid, "\"" + std::string(key) + "\" cannot be an object's key");
    begin = end + 1;
  }
  return {};
}

Status CheckPrefix(std::string_view prefix) {
  auto slash = prefix.rfind('/');
  return slash == prefix.npos ? Status() : CheckKey(prefix.substr(0, slash));
}

Status CheckOwner(std::string_view owner) {
  auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  if (owner.empty() || owner.size() > 100 || !std::ranges::all_of(owner, is_plain))
    return Fail(ErrorKind::kInvalid, "\"" + std::string(owner) + "\" cannot be a run id");
  return {};
}

AppendPlan PlanAppend(std::string_view text, std::string_view unless_contains) {
  auto last_end = text.rfind('\n');
  AppendPlan plan;
  plan.kept_bytes = last_end == text.npos ? 0 : last_end + 1;
  plan.is_there = !unless_contains.empty() &&
                  text.substr(0, plan.kept_bytes).find(unless_contains) != text.npos;
  return plan;
}

}  // namespace tidemark
