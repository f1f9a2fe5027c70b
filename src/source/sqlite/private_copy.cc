#include "source/sqlite/private_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/failpoint.h"

namespace tidemark::sqlite {
namespace {

constexpr std::string_view kPrefix = "tidemark-";
constexpr int kPagesPerStep = 8192;

ErrorKind KindOfErrno(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::kDenied;
    default:
      return ErrorKind::kUnavailable;
  }
}

// The process that a name of ours names; 0: not our name.
pid_t OwnerOf(std::string_view name) {
  if (!name.starts_with(kPrefix)) return 0;
  name.remove_prefix(kPrefix.size());
  pid_t owner = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), owner);
  bool is_ours = error == std::errc() && end != name.data() + name.size() && *end == '-';
  return is_ours && owner > 0 ? owner : 0;
}

// Whether the file system shares the blocks of `from` with `to`. In a child process, because
// closing a descriptor of the database here would drop the locks that SQLite holds on it.
bool CloneFile(const char* from, const char* to) {
#ifdef FICLONE
  pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) {
    int source = ::open(from, O_RDONLY | O_CLOEXEC);
    int target = ::open(to, O_WRONLY | O_CLOEXEC);
    ::_exit(source >= 0 && target >= 0 && ::ioctl(target, FICLONE, source) == 0 ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
#else
  return false;
#endif
}

std::unexpected<Error> NoRoom(const std::string& folder, std::int64_t bytes) {
  return Fail(ErrorKind::kUnavailable,
              "no room in " + folder + " for a private copy of the database (" +
                  std::to_string((bytes >> 20) + 1) + " MiB)",
              "free some space, or name another folder with --temp-dir");
}

Status CheckRoom(const std::string& folder, std::int64_t bytes) {
  struct statvfs info{};
  if (::statvfs(folder.c_str(), &info) != 0) return {};  // the copy itself will tell
  auto free_bytes =
      static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
  if (free_bytes < bytes) return NoRoom(folder, bytes);
  return {};
}

Status CopyPages(Connection& source, Connection& target, const std::stop_token& stop) {
  struct Finish {
    void operator()(sqlite3_backup* b) const { sqlite3_backup_finish(b); }
  };
  std::unique_ptr<sqlite3_backup, Finish> backup(
      sqlite3_backup_init(target.raw(), "main", source.raw(), "main"));
  if (!backup) return Fail(ErrorOf(target.raw(), sqlite3_errcode(target.raw())));
  // Steps do not restart when others write: the source's read transaction stays open throughout.
  int code = SQLITE_OK;
  while (code == SQLITE_OK) {
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    code = sqlite3_backup_step(backup.get(), kPagesPerStep);
  }
  if (code != SQLITE_DONE) {
    auto error = ErrorOf(nullptr, code);
    backup.reset();
    return Fail(std::move(error));
  }
  code = sqlite3_backup_finish(backup.release());
  if (code != SQLITE_OK) return Fail(ErrorOf(nullptr, code));
  return {};
}

Status CopyByBackup(Connection& source, const TemporaryFile& file, const std::stop_token& stop) {
  auto target = TRY(Connection::Open(file.path(), Access::kReadWrite, 0));
  // A copy that is not finished is worth nothing, so nothing protects it.
  TRY(target.Execute("pragma journal_mode = off; pragma synchronous = off"));
  return CopyPages(source, target, stop);
}

}  // namespace

Result<TemporaryFile> TemporaryFile::Make(const std::string& folder, const std::string& what) {
  std::string path =
      folder + "/" + std::string(kPrefix) + std::to_string(::getpid()) + "-" + what + "-XXXXXX";
  int descriptor = ::mkostemp(path.data(), O_CLOEXEC);
  if (descriptor < 0) {
    return Fail(KindOfErrno(errno),
                "folder for temporary files " + folder + ": " + std::strerror(errno),
                "name another folder with --temp-dir");
  }
  ::close(descriptor);
  return TemporaryFile(std::move(path));
}

void TemporaryFile::Remove() {
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

void RemoveLeftOverFiles(const std::string& folder) {
  DIR* listing = ::opendir(folder.c_str());
  if (!listing) return;
  while (const dirent* entry = ::readdir(listing)) {
    pid_t owner = OwnerOf(entry->d_name);
    bool is_left_over = owner != 0 && ::kill(owner, 0) != 0 && errno == ESRCH;
    if (is_left_over) ::unlink((folder + "/" + entry->d_name).c_str());
  }
  ::closedir(listing);
}

Result<TemporaryFile> CopyDatabase(Connection& source, const std::string& folder, Cloning cloning,
                                   const std::stop_token& stop) {
  FAILPOINT(copy_before);
  auto pages = TRY(source.QueryInt("pragma main.page_count")).value_or(0);
  auto bytes = pages * TRY(source.QueryInt("pragma main.page_size")).value_or(0);
  auto file = TRY(TemporaryFile::Make(folder, "copy"));
  bool is_cloned =
      cloning == Cloning::kMayClone && CloneFile(source.path().c_str(), file.path().c_str());
  if (!is_cloned) {
    TRY(CheckRoom(folder, bytes));
    auto copied = CopyByBackup(source, file, stop);
    bool is_full = !copied && copied.error().kind == ErrorKind::kUnavailable;
    if (is_full && !CheckRoom(folder, 64 << 20)) return NoRoom(folder, bytes);
    if (!copied) return Fail(std::move(copied.error()).While("copy the database to " + folder));
  }
  FAILPOINT(copy_after);
  return file;
}

}  // namespace tidemark::sqlite
