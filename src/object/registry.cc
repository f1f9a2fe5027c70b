#include <algorithm>
#include <array>

#include "object/local.h"
#include "object/object_store.h"

namespace tidemark {
namespace {

Result<std::unique_ptr<ObjectStore>> OpenFile(const std::string& location,
                                              const StoreOptions& options) {
  if (!location.starts_with("//")) return OpenLocalStore(location, options);
  if (!location.starts_with("///"))
    return Fail(ErrorKind::kInvalid, "file:" + location + ": a file URL cannot name a host",
                "write file:PATH or file:///PATH");
  return OpenLocalStore(location.substr(2), options);
}

constexpr std::array kKinds = {
    StoreKind{"file", OpenFile},
};

bool IsScheme(std::string_view text) {
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return text.size() > 1 && is_letter(text[0]) && std::ranges::all_of(text, [&](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
         });
}

// The keys of `stores` in the configuration.
constexpr std::string_view kAccessNames[] = {
    "azure.account", "azure.connection_string", "azure.endpoint",  "azure.key",
    "azure.sas",     "s3.access_key",           "s3.endpoint",     "s3.path_style",
    "s3.region",     "s3.secret_key",           "s3.session_token"};

}  // namespace

Status CheckAccess(const StoreOptions& options) {
  for (const auto& [name, value] : options.access) {
    if (std::ranges::find(kAccessNames, name) != std::end(kAccessNames)) continue;
    std::string known;
    for (auto allowed : kAccessNames) known += (known.empty() ? "" : ", ") + std::string(allowed);
    return Fail(ErrorKind::kInvalid, "no store takes a setting \"" + name + "\"",
                "allowed: " + known);
  }
  return {};
}

std::span<const StoreKind> StoreKinds() { return kKinds; }

Result<std::unique_ptr<ObjectStore>> OpenStore(const std::string& text,
                                               const StoreOptions& options) {
  if (text.empty())
    return Fail(ErrorKind::kInvalid, "the destination is empty", "name a folder or a URL");
  auto colon = text.find(':');
  auto scheme = colon == text.npos ? std::string_view() : std::string_view(text).substr(0, colon);
  for (const auto& kind : StoreKinds())
    if (kind.scheme == scheme) return kind.open(text.substr(colon + 1), options);
  // "./a:b" and "a:b" are folders; only what looks like a URL must be one.
  if (!IsScheme(scheme) || !text.substr(colon + 1).starts_with("//"))
    return OpenLocalStore(text, options);
  std::string known;
  for (const auto& kind : StoreKinds()) known += " " + std::string(kind.scheme) + ":";
  return Fail(ErrorKind::kInvalid,
              "destination \"" + text + "\": no store is called \"" + std::string(scheme) + "\"",
              "use a folder, or one of:" + known);
}

}  // namespace tidemark
