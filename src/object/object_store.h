#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_sink.h"

namespace tidemark {

// An object whose bytes are durable and not visible. A plain value: written into a commit, it lets
// any later process publish or discard the object.
struct SealedObject {
  std::string key;
  std::string token;  // the store's own: upload id and parts, block ids, temporary file
  std::int64_t size_bytes = 0;
  bool operator==(const SealedObject&) const = default;
};

// An object being written. Destroyed unsealed, it is dropped. One thread at a time.
class Upload : public ByteSink {
 public:
  // All bytes stored durably, not yet visible. Once.
  virtual Result<SealedObject> Seal() = 0;
};

// Unset: overwrite. Broken: kConflict, and nothing was written.
struct Condition {
  bool if_absent = false;
  std::string if_etag;
};
struct Stored {
  std::string bytes;
  std::string etag;
};
struct ObjectInfo {
  std::string key;
  std::int64_t size_bytes = 0;
  std::string etag;
  std::int64_t modified_us = 0;
};

// Held until destroyed.
class AdvisoryLock {
 public:
  virtual ~AdvisoryLock() = default;
};

// Keys are paths with '/' between parts; no part is empty, "." or "..". Thread-safe.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  // Where it is, for people and paths in views: a folder or a URL without secrets.
  virtual std::string Location() const = 0;

  // Large objects, in two steps that survive a crash between them. `owner` (a run id: letters,
  // digits,
  // '-') becomes part of the token, so that two runs never write the same bytes.
  virtual Result<std::unique_ptr<Upload>> StartUpload(std::string_view key,
                                                      std::string_view owner) = 0;
  virtual Status Publish(const SealedObject& object) = 0;  // may be repeated, also after success
  virtual Status Discard(const SealedObject& object) = 0;  // may be repeated; spares the published
  // Sealed or unfinished and not published, under a prefix: what a sweep looks at.
  virtual Result<std::vector<SealedObject>> ListSealed(std::string_view prefix) = 0;

  // Small objects, whole or not at all. The new etag.
  virtual Result<std::string> Put(std::string_view key, std::string_view bytes,
                                  const Condition& condition) = 0;
  virtual Result<Stored> Get(std::string_view key) = 0;  // kNotFound
  // Fewer bytes than asked only at the object's end.
  virtual Result<std::string> ReadRange(std::string_view key, std::int64_t begin,
                                        std::int64_t size_bytes) = 0;
  // At most `limit` visible objects whose key starts with `prefix`, in key order, after `after`.
  virtual Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view after,
                                               int limit) = 0;
  virtual Status Delete(std::span<const std::string> keys) = 0;  // absent is fine
  virtual Result<std::string> SignedUrl(std::string_view key, std::chrono::seconds lifetime) = 0;

  // Adds one line (without its end) to a text object. A torn last line of a dead writer is repaired
  // first. A line that contains `unless_contains` (not empty) already: nothing happens.
  virtual Status AppendLine(std::string_view key, std::string_view line,
                            std::string_view unless_contains) = 0;
  // kConflict: someone else holds it. A store without locks grants always: the commit decides.
  virtual Result<std::unique_ptr<AdvisoryLock>> TryLock(std::string_view key) = 0;
};

// Every visible object under a prefix, in key order; those that come and go meanwhile may be among
// them or not. Ends with the first failure.
Status ForEachObject(ObjectStore& store, std::string_view prefix,
                     const std::function<Status(const ObjectInfo&)>& each);

struct StoreOptions {
  std::stop_token stop;       // ends a wait for another process: kCancelled
  bool is_read_only = false;  // plan, status, verify: nothing is created, not even the folder
  // What stores beyond this machine need to be reached, by names as CheckAccess knows them. Some
  // are secret: messages hold names, never values. A store takes its own kind's.
  std::map<std::string, std::string> access = {};
};
// kInvalid: a name that no store knows.
Status CheckAccess(const StoreOptions& options);

// One entry per kind of store in object/registry.cc: `location` is what follows `scheme:`.
struct StoreKind {
  std::string_view scheme;
  Result<std::unique_ptr<ObjectStore>> (*open)(const std::string& location, const StoreOptions&);
};
std::span<const StoreKind> StoreKinds();

// `text`: a folder, file:PATH, or a URL of a registered scheme. kInvalid: no such scheme.
Result<std::unique_ptr<ObjectStore>> OpenStore(const std::string& text,
                                               const StoreOptions& options);

}  // namespace tidemark
