#pragma once
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "object/object_store.h"

namespace tidemark {

// A store that lasts as long as it lives: for tests, whose faults and crashes are played on top of
// it. No way to it leads from a destination that a user writes. Thread-safe.
class MemoryStore final : public ObjectStore {
 public:
  MemoryStore();
  ~MemoryStore() override;
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  std::string Location() const override { return "memory:"; }
  Result<std::unique_ptr<Upload>> StartUpload(std::string_view key,
                                              std::string_view owner) override;
  Status Publish(const SealedObject& object) override;
  Status Discard(const SealedObject& object) override;
  Result<std::vector<SealedObject>> ListSealed(std::string_view prefix) override;
  Result<std::string> Put(std::string_view key, std::string_view bytes,
                          const Condition& condition) override;
  Result<Stored> Get(std::string_view key) override;
  Result<std::string> ReadRange(std::string_view key, std::int64_t begin,
                                std::int64_t size_bytes) override;
  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view after,
                                       int limit) override;
  Status Delete(std::span<const std::string> keys) override;
  Result<std::string> SignedUrl(std::string_view key, std::chrono::seconds lifetime) override;
  Status AppendLine(std::string_view key, std::string_view line,
                    std::string_view unless_contains) override;
  Result<std::unique_ptr<AdvisoryLock>> TryLock(std::string_view key) override;

 private:
  class MemoryUpload;
  class MemoryLock;
  struct Object {
    std::string bytes;
    std::string etag;
    std::int64_t modified_us = 0;
  };
  struct Staged {
    std::string key, bytes;
  };
  std::string Write(std::string_view key, std::string bytes);  // under the mutex; the etag

  std::mutex mutex_;
  std::map<std::string, Object, std::less<>> objects_;
  std::map<std::string, Staged> staged_;  // by token: what is written and not published
  std::set<std::string, std::less<>> locks_;
  std::int64_t last_number_ = 0;  // of tokens and etags
};

}  // namespace tidemark
