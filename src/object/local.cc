#include "object/local.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <filesystem>
#include <set>

#include "base/failpoint.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "object/keys.h"
#include "object/local_files.h"

namespace tidemark {
namespace {

using local::FailFile;
using local::File;
using local::Open;

constexpr std::size_t kWriteBytes = 512 << 10;
constexpr std::string_view kStaging = "_tidemark/staging";
constexpr std::string_view kTemporary = "_tidemark/tmp";
constexpr std::string_view kLocks = "_tidemark/locks";

bool IsOurs(std::string_view key) {
  for (auto folder : {kStaging, kTemporary, kLocks})
    if (key.starts_with(folder) && (key.size() == folder.size() || key[folder.size()] == '/'))
      return true;
  return false;
}

std::string Etag(std::string_view bytes) { return Sha256Hex(bytes).substr(0, 32); }

// Where an upload's bytes wait: a folder named as the key, so that a sweep finds what belongs to a
// table without looking at any other's.
struct StagingPlace {
  std::string root, folder, path;
  void Clean() const { local::RemoveEmptyFolders(folder, root); }
};

class LocalUpload final : public Upload {
 public:
  LocalUpload(StagingPlace place, SealedObject object, File file, std::vector<std::string> changed)
      : place_(std::move(place)),
        object_(std::move(object)),
        file_(std::move(file)),
        changed_(std::move(changed)) {}
  ~LocalUpload() override {
    if (is_sealed_) return;
    unlink(place_.path.c_str());
    place_.Clean();
  }

  Status Write(std::span<const std::byte> bytes) override {
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    object_.size_bytes += static_cast<std::int64_t>(bytes.size());
    if (buffer_.size() + text.size() < kWriteBytes) {
      buffer_ += text;
      return {};
    }
    TRY(Flush());
    if (text.size() >= kWriteBytes) return Store(text);
    buffer_ += text;
    return {};
  }

  Result<SealedObject> Seal() override {
    if (has_failed_)
      return Fail(ErrorKind::kInternal, place_.path + ": sealed after a write had failed");
    TRY(Flush());
    TRY(local::SyncData(file_, place_.path));
    TRY(local::SyncFolder(place_.folder));
    // Late, so that the journal holds them already and these cost next to nothing.
    for (const auto& folder : changed_) TRY(local::SyncFolder(folder));
    file_ = File();
    is_sealed_ = true;
    return object_;
  }

 private:
  Status Flush() {
    TRY(Store(buffer_));
    buffer_.clear();
    return {};
  }

  Status Store(std::string_view text) {
    auto stored = StoreOrFail(text);
    has_failed_ |= !stored;
    return stored;
  }

  Status StoreOrFail(std::string_view text) {
    if (text.empty()) return {};
    FAILPOINT(upload_write);
    return local::WriteAll(file_, text, place_.path);
  }

  StagingPlace place_;
  SealedObject object_;
  File file_;
  std::vector<std::string> changed_;  // folders that got new entries
  std::string buffer_;
  bool has_failed_ = false;
  bool is_sealed_ = false;
};

class LocalLock final : public AdvisoryLock {
 public:
  explicit LocalLock(File file) : file_(std::move(file)) {}

 private:
  File file_;
};

class LocalStore final : public ObjectStore {
 public:
  LocalStore(std::string root, const StoreOptions& options)
      : root_(std::move(root)), is_read_only_(options.is_read_only), stop_(options.stop) {}

  std::string Location() const override { return root_; }
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
  struct Listing {
    std::string_view prefix, after;
    std::size_t limit;
    std::vector<ObjectInfo> page;
  };

  std::string PathOf(std::string_view key) const { return root_ + "/" + std::string(key); }
  Status CheckWrite(std::string_view key) const;
  StagingPlace PlaceOf(const SealedObject& object) const;
  Result<File> OpenMaking(const std::string& path, int flags) const;
  Result<File> OpenForRead(std::string_view key) const;
  Status Replace(std::string_view key, std::string_view bytes, const std::string& temporary) const;
  Status ListFolder(const std::string& folder, Listing& listing) const;
  Status ListStaging(const std::string& key, std::string_view prefix,
                     std::vector<SealedObject>& found) const;

  const std::string root_;
  const bool is_read_only_;
  const std::stop_token stop_;
};

Status LocalStore::CheckWrite(std::string_view key) const {
  TRY(CheckKey(key));
  if (IsOurs(key))
    return Fail(ErrorKind::kInvalid, "\"" + std::string(key) + "\" cannot be an object's key");
  if (is_read_only_)
    return Fail(ErrorKind::kDenied, PathOf(key) + ": the destination was opened for reading only");
  return {};
}

StagingPlace LocalStore::PlaceOf(const SealedObject& object) const {
  StagingPlace place;
  place.root = PathOf(kStaging);
  place.folder = place.root + "/" + object.key;
  place.path = place.folder + "/" + object.token;
  return place;
}

// Opens a file in a folder that may have to be made, or made again: others remove empty ones.
Result<File> LocalStore::OpenMaking(const std::string& path, int flags) const {
  for (int attempt = 0;; ++attempt) {
    auto file = Open(path, flags);
    if (file.is_open()) return file;
    if (errno != ENOENT || attempt == 10) return FailFile(errno, path);
    std::vector<std::string> changed;
    TRY(local::MakeFolders(local::ParentOf(path), changed));
    for (const auto& folder : changed) TRY(local::SyncFolder(folder));
  }
}

Result<std::unique_ptr<Upload>> LocalStore::StartUpload(std::string_view key,
                                                        std::string_view owner) {
  TRY(CheckWrite(key));
  TRY(CheckOwner(owner));
  SealedObject object{std::string(key), std::string(owner) + "." + RandomHex16(SystemRandom()), 0};
  auto place = PlaceOf(object);
  for (int attempt = 0;; ++attempt) {
    std::vector<std::string> changed;
    TRY(local::MakeFolders(place.folder, changed));
    auto file = Open(place.path, O_WRONLY | O_CREAT | O_EXCL);
    if (file.is_open())
      return std::make_unique<LocalUpload>(std::move(place), std::move(object), std::move(file),
                                           std::move(changed));
    // Another run that published its last file here removes the folder just when we come.
    if (errno != ENOENT || attempt == 1000) return FailFile(errno, place.path);
  }
}

Status LocalStore::Publish(const SealedObject& object) {
  TRY(CheckWrite(object.key));
  TRY(CheckKey(object.token));
  auto place = PlaceOf(object);
  auto target = PathOf(object.key);
  auto folder = local::ParentOf(target);
  if (rename(place.path.c_str(), target.c_str()) != 0) {
    if (errno != ENOENT) return FailFile(errno, target);
    std::vector<std::string> changed;
    if (access(place.path.c_str(), F_OK) == 0) TRY(local::MakeFolders(folder, changed));
    for (const auto& parent : changed) TRY(local::SyncFolder(parent));
    if (rename(place.path.c_str(), target.c_str()) != 0) {
      if (errno != ENOENT) return FailFile(errno, target);
      if (access(target.c_str(), F_OK) != 0)
        return Fail(ErrorKind::kCorrupt, object.key + ": its sealed bytes are gone",
                    "was " + place.path + " removed? run with --mode full to land the table again");
    }
  }
  // Also when someone else renamed it: that one may have died before this. The folder left behind
  // needs no sync: should its entry come back, it is a second name of a published file.
  TRY(local::SyncFolder(folder));
  place.Clean();
  return {};
}

Status LocalStore::Discard(const SealedObject& object) {
  TRY(CheckWrite(object.key));
  TRY(CheckKey(object.token));
  auto place = PlaceOf(object);
  if (unlink(place.path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR)
    return FailFile(errno, place.path);
  place.Clean();
  return {};
}

Result<std::vector<SealedObject>> LocalStore::ListSealed(std::string_view prefix) {
  TRY(CheckPrefix(prefix));
  std::vector<SealedObject> found;
  auto slash = prefix.rfind('/');
  TRY(ListStaging(std::string(slash == prefix.npos ? "" : prefix.substr(0, slash)), prefix, found));
  return found;
}

Status LocalStore::ListStaging(const std::string& key, std::string_view prefix,
                               std::vector<SealedObject>& found) const {
  auto folder = PathOf(kStaging) + (key.empty() ? "" : "/" + key);
  for (const auto& entry : TRY(local::ReadFolder(folder))) {
    if (entry.is_folder()) {
      auto inner = key.empty() ? entry.name : key + "/" + entry.name;
      if (prefix.starts_with(inner) || inner.starts_with(prefix)) {
        inner.pop_back();
        TRY(ListStaging(inner, prefix, found));
      }
      continue;
    }
    struct stat status{};
    if (!key.starts_with(prefix) || stat((folder + "/" + entry.name).c_str(), &status) != 0)
      continue;
    found.push_back({key, entry.name, static_cast<std::int64_t>(status.st_size)});
  }
  return {};
}

Result<std::string> LocalStore::Put(std::string_view key, std::string_view bytes,
                                    const Condition& condition) {
  TRY(CheckWrite(key));
  // One of 256 locks, so that tables do not wait for each other, and one temporary name per key, so
  // that a dead process leaves nothing that the next one does not overwrite.
  auto hash = Sha256Hex(key);
  auto lock_path = PathOf(kLocks) + "/" + hash.substr(0, 2);
  auto lock = TRY(OpenMaking(lock_path, O_RDWR | O_CREAT));
  TRY(local::LockExclusively(lock, lock_path, stop_));
  if (condition.if_absent || !condition.if_etag.empty()) {
    auto stored = Get(key);
    if (!stored && stored.error().kind != ErrorKind::kNotFound) return Fail(stored.error());
    if (condition.if_absent && stored)
      return Fail(ErrorKind::kConflict, PathOf(key) + ": exists already");
    if (!condition.if_etag.empty() && (!stored || stored->etag != condition.if_etag))
      return Fail(ErrorKind::kConflict, PathOf(key) + ": was changed by someone else");
  }
  auto temporary = PathOf(kTemporary) + "/" + hash.substr(0, 32);
  auto replaced = Replace(key, bytes, temporary);
  if (!replaced) {
    unlink(temporary.c_str());
    return Fail(replaced.error());
  }
  return Etag(bytes);
}

Status LocalStore::Replace(std::string_view key, std::string_view bytes,
                           const std::string& temporary) const {
  auto path = PathOf(key);
  {
    auto file = TRY(OpenMaking(temporary, O_WRONLY | O_CREAT | O_TRUNC));
    TRY(local::WriteAll(file, bytes, path));
    TRY(local::SyncData(file, path));
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    if (errno != ENOENT) return FailFile(errno, path);
    std::vector<std::string> changed;
    TRY(local::MakeFolders(local::ParentOf(path), changed));
    for (const auto& folder : changed) TRY(local::SyncFolder(folder));
    if (rename(temporary.c_str(), path.c_str()) != 0) return FailFile(errno, path);
  }
  return local::SyncFolder(local::ParentOf(path));
}

Result<File> LocalStore::OpenForRead(std::string_view key) const {
  TRY(CheckKey(key));
  auto path = PathOf(key);
  auto file = Open(path, O_RDONLY | O_NOCTTY);
  if (!file.is_open() && errno != ENOENT && errno != ENOTDIR) return FailFile(errno, path);
  struct stat status{};
  if (!file.is_open() || fstat(file.fd(), &status) != 0 || S_ISDIR(status.st_mode))
    return Fail(ErrorKind::kNotFound, path + ": no such object");
  return file;
}

Result<Stored> LocalStore::Get(std::string_view key) {
  auto file = TRY(OpenForRead(key));
  Stored stored;
  stored.bytes = TRY(local::ReadAt(file, 0, INT64_MAX, PathOf(key)));
  stored.etag = Etag(stored.bytes);
  return stored;
}

Result<std::string> LocalStore::ReadRange(std::string_view key, std::int64_t begin,
                                          std::int64_t size_bytes) {
  if (begin < 0 || size_bytes < 0)
    return Fail(ErrorKind::kInvalid, std::string(key) + ": a range cannot be negative");
  auto file = TRY(OpenForRead(key));
  return local::ReadAt(file, begin, size_bytes, PathOf(key));
}

Result<std::vector<ObjectInfo>> LocalStore::List(std::string_view prefix, std::string_view after,
                                                 int limit) {
  TRY(CheckPrefix(prefix));
  Listing listing{prefix, after, static_cast<std::size_t>(std::max(limit, 0)), {}};
  auto slash = prefix.rfind('/');
  TRY(ListFolder(std::string(slash == prefix.npos ? "" : prefix.substr(0, slash + 1)), listing));
  return std::move(listing.page);
}

// `folder`: empty, or ends with '/'.
Status LocalStore::ListFolder(const std::string& folder, Listing& listing) const {
  for (const auto& entry : TRY(local::ReadFolder(PathOf(folder)))) {
    if (listing.page.size() >= listing.limit) return {};
    auto key = folder + entry.name;
    if (entry.is_folder()) {
      bool may_match = key.starts_with(listing.prefix) || listing.prefix.starts_with(key);
      bool is_passed = key < listing.after && !listing.after.starts_with(key);
      if (may_match && !is_passed && !IsOurs(key.substr(0, key.size() - 1)))
        TRY(ListFolder(key, listing));
      continue;
    }
    if (!key.starts_with(listing.prefix) || key <= listing.after) continue;
    struct stat status{};
    if (stat(PathOf(key).c_str(), &status) != 0) continue;  // removed since
    listing.page.push_back({key,
                            static_cast<std::int64_t>(status.st_size),
                            {},
                            static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000 +
                                status.st_mtim.tv_nsec / 1'000});
  }
  return {};
}

Status LocalStore::Delete(std::span<const std::string> keys) {
  std::set<std::string> changed;
  for (const auto& key : keys) {
    TRY(CheckWrite(key));
    auto path = PathOf(key);
    if (unlink(path.c_str()) == 0)
      changed.insert(local::ParentOf(path));
    else if (errno != ENOENT && errno != ENOTDIR && errno != EISDIR)
      return FailFile(errno, path);
  }
  for (const auto& folder : changed) TRY(local::SyncFolder(folder));
  return {};
}

Result<std::string> LocalStore::SignedUrl(std::string_view key, std::chrono::seconds) {
  return Fail(ErrorKind::kUnsupported, PathOf(key) + ": a folder has no links to hand out");
}

Status LocalStore::AppendLine(std::string_view key, std::string_view line,
                              std::string_view unless_contains) {
  TRY(CheckWrite(key));
  auto path = PathOf(key);
  auto file = Open(path, O_RDWR | O_APPEND);
  bool is_new = !file.is_open() && errno == ENOENT;
  if (is_new) file = TRY(OpenMaking(path, O_RDWR | O_APPEND | O_CREAT));
  if (!file.is_open()) return FailFile(errno, path);
  TRY(local::LockExclusively(file, path, stop_));
  auto text = TRY(local::ReadAt(file, 0, INT64_MAX, path));
  auto plan = PlanAppend(text, unless_contains);
  if (plan.is_there) return {};
  if (plan.kept_bytes < text.size()) {
    Log(LogLevel::kWarning, path + ": cut off an unfinished last line of " +
                                std::to_string(text.size() - plan.kept_bytes) + " bytes");
    if (ftruncate(file.fd(), static_cast<off_t>(plan.kept_bytes)) != 0)
      return FailFile(errno, path);
  }
  TRY(local::WriteAll(file, std::string(line) + "\n", path));
  TRY(local::SyncData(file, path));
  if (is_new) TRY(local::SyncFolder(local::ParentOf(path)));
  return {};
}

Result<std::unique_ptr<AdvisoryLock>> LocalStore::TryLock(std::string_view key) {
  TRY(CheckWrite(key));
  auto path = PathOf(key);
  auto file = TRY(OpenMaking(path, O_RDWR | O_CREAT));
  while (flock(file.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return FailFile(errno, path);
    return Fail(ErrorKind::kConflict, path + " is locked: another run is syncing it",
                "wait for that run to end; the lock goes with its process");
  }
  return std::make_unique<LocalLock>(std::move(file));
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenLocalStore(const std::string& path,
                                                    const StoreOptions& options) {
  if (path.empty()) return Fail(ErrorKind::kInvalid, "the destination is empty", "name a folder");
  if (path.find('\0') != path.npos)
    return Fail(ErrorKind::kInvalid, "the destination contains a zero byte");
  std::error_code code;
  auto root = std::filesystem::absolute(path, code).lexically_normal().string();
  if (code) return FailFile(code.value(), path);
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  struct stat status{};
  if (stat(root.c_str(), &status) == 0) {
    if (!S_ISDIR(status.st_mode))
      return Fail(ErrorKind::kInvalid, root + " is a file, not a folder",
                  "name a folder as the destination");
  } else if (options.is_read_only || errno != ENOENT) {
    if (errno == ENOENT)
      return Fail(ErrorKind::kNotFound, root + ": no such folder",
                  "a sync makes it; is the path right?");
    return FailFile(errno, root);
  } else {
    std::vector<std::string> changed;
    TRY(local::MakeFolders(root, changed));
    for (const auto& folder : changed) TRY(local::SyncFolder(folder));
  }
  // Known now, rather than once for every table.
  int needed = options.is_read_only ? R_OK | X_OK : R_OK | W_OK | X_OK;
  if (faccessat(AT_FDCWD, root.c_str(), needed, AT_EACCESS) != 0) return FailFile(errno, root);
  return std::make_unique<LocalStore>(root, options);
}

}  // namespace tidemark
