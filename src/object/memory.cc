#include "object/memory.h"

#include <algorithm>

#include "base/clock.h"
#include "base/failpoint.h"
#include "object/keys.h"

namespace tidemark {

class MemoryStore::MemoryUpload final : public Upload {
 public:
  MemoryUpload(MemoryStore& store, std::string key, std::string token)
      : store_(&store), key_(std::move(key)), token_(std::move(token)) {}
  ~MemoryUpload() override {
    if (is_sealed_) return;
    std::lock_guard lock(store_->mutex_);
    store_->staged_.erase(token_);
  }

  Status Write(std::span<const std::byte> bytes) override {
    FAILPOINT(upload_write);
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }

  Result<SealedObject> Seal() override {
    std::lock_guard lock(store_->mutex_);
    auto size_bytes = static_cast<std::int64_t>(bytes_.size());
    // Gone: a later run has swept it. Sealing it still works, as on disk; publishing will not.
    auto staged = store_->staged_.find(token_);
    if (staged != store_->staged_.end()) staged->second.bytes = std::move(bytes_);
    is_sealed_ = true;
    return SealedObject{key_, token_, size_bytes};
  }

 private:
  MemoryStore* store_;
  std::string key_, token_, bytes_;
  bool is_sealed_ = false;
};

class MemoryStore::MemoryLock final : public AdvisoryLock {
 public:
  MemoryLock(MemoryStore& store, std::string key) : store_(&store), key_(std::move(key)) {}
  ~MemoryLock() override {
    std::lock_guard lock(store_->mutex_);
    store_->locks_.erase(key_);
  }

 private:
  MemoryStore* store_;
  std::string key_;
};

MemoryStore::MemoryStore() = default;
MemoryStore::~MemoryStore() = default;

Result<std::unique_ptr<Upload>> MemoryStore::StartUpload(std::string_view key,
                                                         std::string_view owner) {
  TRY(CheckKey(key));
  TRY(CheckOwner(owner));
  std::lock_guard lock(mutex_);
  auto token = std::string(owner) + "." + std::to_string(++last_number_);
  staged_[token] = {std::string(key), {}};
  return std::make_unique<MemoryUpload>(*this, std::string(key), token);
}

Status MemoryStore::Publish(const SealedObject& object) {
  TRY(CheckKey(object.key));
  std::lock_guard lock(mutex_);
  auto staged = staged_.find(object.token);
  if (staged == staged_.end()) {
    if (objects_.contains(object.key)) return {};
    return Fail(ErrorKind::kCorrupt, object.key + ": its sealed bytes are gone");
  }
  Write(object.key, std::move(staged->second.bytes));
  staged_.erase(staged);
  return {};
}

Status MemoryStore::Discard(const SealedObject& object) {
  TRY(CheckKey(object.key));
  std::lock_guard lock(mutex_);
  staged_.erase(object.token);
  return {};
}

Result<std::vector<SealedObject>> MemoryStore::ListSealed(std::string_view prefix) {
  TRY(CheckPrefix(prefix));
  std::lock_guard lock(mutex_);
  std::vector<SealedObject> found;
  for (const auto& [token, staged] : staged_)
    if (staged.key.starts_with(prefix))
      found.push_back({staged.key, token, static_cast<std::int64_t>(staged.bytes.size())});
  std::ranges::sort(found, {}, [](const SealedObject& o) { return std::tie(o.key, o.token); });
  return found;
}

std::string MemoryStore::Write(std::string_view key, std::string bytes) {
  auto etag = "e" + std::to_string(++last_number_);
  objects_[std::string(key)] = {std::move(bytes), etag, SystemClock().NowUs()};
  return etag;
}

Result<std::string> MemoryStore::Put(std::string_view key, std::string_view bytes,
                                     const Condition& condition) {
  TRY(CheckKey(key));
  std::lock_guard lock(mutex_);
  auto found = objects_.find(key);
  if (condition.if_absent && found != objects_.end())
    return Fail(ErrorKind::kConflict, std::string(key) + ": exists already");
  if (!condition.if_etag.empty() &&
      (found == objects_.end() || found->second.etag != condition.if_etag))
    return Fail(ErrorKind::kConflict, std::string(key) + ": was changed by someone else");
  return Write(key, std::string(bytes));
}

Result<Stored> MemoryStore::Get(std::string_view key) {
  TRY(CheckKey(key));
  std::lock_guard lock(mutex_);
  auto found = objects_.find(key);
  if (found == objects_.end())
    return Fail(ErrorKind::kNotFound, std::string(key) + ": no such object");
  return Stored{found->second.bytes, found->second.etag};
}

Result<std::string> MemoryStore::ReadRange(std::string_view key, std::int64_t begin,
                                           std::int64_t size_bytes) {
  TRY(CheckKey(key));
  if (begin < 0 || size_bytes < 0)
    return Fail(ErrorKind::kInvalid, std::string(key) + ": a range cannot be negative");
  std::lock_guard lock(mutex_);
  auto found = objects_.find(key);
  if (found == objects_.end())
    return Fail(ErrorKind::kNotFound, std::string(key) + ": no such object");
  const auto& bytes = found->second.bytes;
  if (static_cast<std::size_t>(begin) >= bytes.size()) return std::string();
  return bytes.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(size_bytes));
}

Result<std::vector<ObjectInfo>> MemoryStore::List(std::string_view prefix, std::string_view after,
                                                  int limit) {
  TRY(CheckPrefix(prefix));
  std::lock_guard lock(mutex_);
  std::vector<ObjectInfo> page;
  auto at = prefix > after ? objects_.lower_bound(prefix) : objects_.upper_bound(after);
  for (; at != objects_.end() && at->first.starts_with(prefix); ++at) {
    if (static_cast<int>(page.size()) >= limit) break;
    const auto& object = at->second;
    page.push_back({at->first, static_cast<std::int64_t>(object.bytes.size()), object.etag,
                    object.modified_us});
  }
  return page;
}

Status MemoryStore::Delete(std::span<const std::string> keys) {
  for (const auto& key : keys) TRY(CheckKey(key));
  std::lock_guard lock(mutex_);
  for (const auto& key : keys) objects_.erase(key);
  return {};
}

Result<std::string> MemoryStore::SignedUrl(std::string_view, std::chrono::seconds) {
  return Fail(ErrorKind::kUnsupported, "a store in memory has no links");
}

Status MemoryStore::AppendLine(std::string_view key, std::string_view line,
                               std::string_view unless_contains) {
  TRY(CheckKey(key));
  std::lock_guard lock(mutex_);
  auto found = objects_.find(key);
  auto text = found == objects_.end() ? std::string() : found->second.bytes;
  auto plan = PlanAppend(text, unless_contains);
  if (plan.is_there) return {};
  text.resize(plan.kept_bytes);
  Write(key, text + std::string(line) + "\n");
  return {};
}

Result<std::unique_ptr<AdvisoryLock>> MemoryStore::TryLock(std::string_view key) {
  TRY(CheckKey(key));
  std::lock_guard lock(mutex_);
  if (!locks_.insert(std::string(key)).second)
    return Fail(ErrorKind::kConflict, std::string(key) + " is locked: another run is syncing it");
  return std::make_unique<MemoryLock>(*this, std::string(key));
}

}  // namespace tidemark
