// What only a folder on a disk can do wrong.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>

#include "object/object_store.h"
#include "tests/support/temp_folder.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;
using test::TempFolder;

std::unique_ptr<ObjectStore> OpenAt(const std::string& path) {
  auto store = OpenStore(path, {});
  if (!store) {
    ADD_FAILURE() << store.error().message;
    return nullptr;
  }
  return std::move(*store);
}

// Runs `body` in a process of its own; what it returns, or how it died.
std::string InChild(const std::function<std::string()>& body) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  auto child = fork();
  if (child == 0) {
    auto text = body();
    if (write(ends[1], text.data(), text.size()) < 0) _exit(2);
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) text += " (child died)";
  return text;
}

std::string Describe(const Error& error) {
  return std::string(Name(error.kind)) + ": " + error.message + "; " + error.hint;
}

// A namespace of the child's own, so that it may mount; false where the kernel forbids it.
bool EnterOwnMounts() {
  auto uid = getuid(), gid = getgid();
  if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) return false;
  if (uid != 0) {
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
    std::ofstream("/proc/self/gid_map") << "0 " << gid << " 1";
  }
  return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

// Fills the store until it fails: the error, and what is left visible.
std::string Fill(ObjectStore& store) {
  for (int i = 0; i < 1000; ++i) {
    auto upload = store.StartUpload("data/f" + std::to_string(i), "run-1");
    if (!upload) return "start: " + Describe(upload.error());
    std::string block(64 << 10, 'x');
    for (int n = 0; n < 20; ++n)
      if (auto done = (*upload)->Write(std::as_bytes(std::span(block))); !done)
        return Describe(done.error());
    auto sealed = (*upload)->Seal();
    if (!sealed) return Describe(sealed.error());
    if (auto done = store.Publish(*sealed); !done) return Describe(done.error());
  }
  return "never full";
}

TEST(LocalStore, AFullDiskIsNamedAndLeavesNothingHalf) {
  TempFolder folder;
  auto result = InChild([&]() -> std::string {
    bool has_mount =
        EnterOwnMounts() && mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=3m") == 0;
    if (!has_mount) {
      // Not permitted here: a limit on file sizes fails the same calls.
      std::fputs("no mounts allowed: playing a full disk with RLIMIT_FSIZE\n", stderr);
      signal(SIGXFSZ, SIG_IGN);
      rlimit limit{1 << 20, 1 << 20};
      if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return "no limit";
    }
    auto store = OpenStore(folder.path(), {});
    if (!store) return Describe(store.error());
    if (!(*store)->Put("state", "small", {})) return "the state could not be written";
    auto text = Fill(**store);
    auto wanted = has_mount ? "unavailable: disk full: " + folder.path() : "unavailable: ";
    if (!text.starts_with(wanted) || text.find("; ") == text.size() - 2) return text;
    auto left = (*store)->ListSealed("");
    if (!left || !left->empty()) return "left in staging";
    auto big = (*store)->Put("state", std::string(4 << 20, 's'), {});
    if (big || big.error().kind != ErrorKind::kUnavailable) return "a big state was put";
    auto state = (*store)->Get("state");
    if (!state || state->bytes != "small") return "the state was hurt";
    auto visible = (*store)->List("data/", {}, 1000);
    for (const auto& object : *visible)
      if (object.size_bytes != 20 * (64 << 10)) return "half a file is visible: " + object.key;
    // The failed state gave its room back.
    if (!(*store)->Put("state", "small again", {})) return "no room after a failed put";
    return "ok";
  });
  EXPECT_EQ(result, "ok");
}

TEST(LocalStore, AReadOnlyDiskIsDenied) {
  TempFolder folder;
  auto result = InChild([&]() -> std::string {
    if (!EnterOwnMounts() ||
        mount("tmpfs", folder.path().c_str(), "tmpfs", MS_RDONLY, "size=1m") != 0)
      return "no mounts";
    auto store = OpenStore(folder.path(), {});
    return store ? "opened" : Describe(store.error());
  });
  if (result == "no mounts") GTEST_SKIP() << "mounting is not permitted here";
  EXPECT_TRUE(result.starts_with("denied: " + folder.path())) << result;
}

TEST(LocalStore, AFolderOfSomeoneElseIsDenied) {
  TempFolder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0555), 0);
  auto result = InChild([&]() -> std::string {
    if (geteuid() == 0 && seteuid(65534) != 0) return "seteuid failed";
    for (const auto& path : {folder.path(), folder.path() + "/new/er"}) {
      auto store = OpenStore(path, {});
      if (store) return path + " was opened";
      if (store.error().kind != ErrorKind::kDenied) return Describe(store.error());
      if (store.error().message.find(folder.path()) == std::string::npos) return "path not named";
      if (store.error().hint.empty()) return "no hint";
    }
    auto reader = OpenStore(folder.path(), {.is_read_only = true});
    return reader ? "ok" : Describe(reader.error());
  });
  chmod(folder.path().c_str(), 0755);
  EXPECT_EQ(result, "ok");
}

TEST(LocalStore, APlaceInsideThatCannotBeWrittenIsDenied) {
  TempFolder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0777), 0);
  fs::create_directories(folder.path() + "/data");
  ASSERT_EQ(chmod((folder.path() + "/data").c_str(), 0555), 0);
  auto result = InChild([&]() -> std::string {
    if (geteuid() == 0 && seteuid(65534) != 0) return "seteuid failed";
    auto store = OpenStore(folder.path(), {});
    if (!store) return Describe(store.error());
    auto put = (*store)->Put("data/a", "x", {});
    if (put || put.error().kind != ErrorKind::kDenied) return "put";
    auto upload = (*store)->StartUpload("data/b/c", "run-1");
    if (!upload) return Describe(upload.error());
    auto sealed = (*upload)->Seal();
    if (!sealed) return Describe(sealed.error());
    auto published = (*store)->Publish(*sealed);
    if (published || published.error().kind != ErrorKind::kDenied) return "publish";
    return (*store)->ListSealed("data/")->size() == 1 ? "ok" : "the sealed file is gone";
  });
  EXPECT_EQ(result, "ok");
}

TEST(LocalStore, AFileIsNoDestination) {
  TempFolder folder;
  auto path = folder.path() + "/file";
  std::ofstream(path) << "x";
  for (const auto& text : {path, path + "/below"}) {
    auto store = OpenStore(text, {});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().kind, ErrorKind::kInvalid);
    EXPECT_NE(store.error().message.find("is a file, not a folder"), std::string::npos)
        << store.error().message;
  }
  EXPECT_EQ(OpenStore(path, {.is_read_only = true}).error().kind, ErrorKind::kInvalid);
}

TEST(LocalStore, ALockEndsWithItsProcess) {
  TempFolder folder;
  auto store = OpenAt(folder.path());
  int ready[2], hold[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(hold), 0);
  auto child = fork();
  if (child == 0) {
    auto lock = store->TryLock("watermarks/t/.sync.lock");
    char told = lock ? 'y' : 'n', ignored;
    close(hold[1]);
    if (write(ready[1], &told, 1) != 1) _exit(1);
    _exit(read(hold[0], &ignored, 1) >= 0 ? 0 : 1);
  }
  char told = 0;
  ASSERT_EQ(read(ready[0], &told, 1), 1);
  EXPECT_EQ(told, 'y');
  auto refused = store->TryLock("watermarks/t/.sync.lock");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kConflict);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(store->TryLock("watermarks/t/.sync.lock"));
  for (int fd : {ready[0], ready[1], hold[0], hold[1]}) close(fd);
}

// Without the stop it would wait for ever.
TEST(LocalStore, AStopEndsTheWaitForALockThatIsNeverReleased) {
  TempFolder folder;
  std::stop_source stop;
  auto store = OpenStore(folder.path() + "/dest", {.stop = stop.get_token()});
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_TRUE((*store)->Put("a/state", "1", {}));
  ASSERT_TRUE((*store)->AppendLine("a/history", "one", {}));
  std::vector<int> held;
  auto hold = [&](const fs::path& path) {
    held.push_back(open(path.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_GE(held.back(), 0) << path;
    ASSERT_EQ(flock(held.back(), LOCK_EX | LOCK_NB), 0) << path;
  };
  for (const auto& entry : fs::recursive_directory_iterator(folder.path()))
    if (entry.is_regular_file()) hold(entry.path());
  ASSERT_GE(held.size(), 3u);
  stop.request_stop();
  auto put = (*store)->Put("a/state", "2", {});
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::kCancelled) << put.error().message;
  auto appended = (*store)->AppendLine("a/history", "two", {});
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().kind, ErrorKind::kCancelled) << appended.error().message;
  for (int fd : held) close(fd);
  EXPECT_EQ((*store)->Get("a/state")->bytes, "1");
  // A lock that is free is taken whatever was asked to stop: what was begun comes to its end.
  EXPECT_TRUE((*store)->Put("a/state", "2", {}));
}

TEST(LocalStore, ProcessesExcludeEachOtherInConditionalPuts) {
  TempFolder folder;
  auto store = OpenAt(folder.path());
  ASSERT_TRUE(store->Put("count", "0", {}));
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(fork());
    if (children.back() != 0) continue;
    for (int n = 0; n < 15;) {
      auto stored = store->Get("count");
      if (!stored) _exit(1);
      auto next = std::to_string(std::stoi(stored->bytes) + 1);
      if (store->Put("count", next, {.if_absent = false, .if_etag = stored->etag})) ++n;
    }
    _exit(0);
  }
  for (auto child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(store->Get("count")->bytes, "60");
}

TEST(LocalStore, NothingIsLeftBehindInStaging) {
  TempFolder folder;
  auto store = OpenAt(folder.path());
  for (auto publishes : {true, false}) {
    auto upload = store->StartUpload("data/a/b/c", "run-1");
    ASSERT_TRUE(upload);
    auto sealed = (*upload)->Seal();
    ASSERT_TRUE(sealed);
    ASSERT_TRUE(publishes ? store->Publish(*sealed) : store->Discard(*sealed));
    EXPECT_TRUE(fs::is_empty(folder.path() + "/_tidemark/staging"));
  }
  {
    ASSERT_TRUE(store->StartUpload("data/a/b/d", "run-1"));
  }
  EXPECT_TRUE(fs::is_empty(folder.path() + "/_tidemark/staging"));
}

TEST(LocalStore, AKilledUploadIsFoundAndSwept) {
  TempFolder folder;
  auto store = OpenAt(folder.path());
  auto result = InChild([&]() -> std::string {
    auto upload = store->StartUpload("data/t/f", "run-1");
    std::string block(1 << 20, 'x');
    if (!upload || !(*upload)->Write(std::as_bytes(std::span(block)))) return "not written";
    _exit(0);  // without destructors, as if killed
  });
  ASSERT_EQ(result, "");
  auto found = store->ListSealed("data/t/");
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ((*found)[0].key, "data/t/f");
  EXPECT_TRUE((*found)[0].token.starts_with("run-1."));
  ASSERT_TRUE(store->Discard((*found)[0]));
  EXPECT_TRUE(store->ListSealed("")->empty());
  EXPECT_TRUE(fs::is_empty(folder.path() + "/_tidemark/staging"));
}

TEST(LocalStore, OurOwnFoldersAreNoKeys) {
  TempFolder folder;
  auto store = OpenAt(folder.path());
  for (auto key : {"_tidemark/staging/x", "_tidemark/tmp/x", "_tidemark/locks/00", "_tidemark/tmp"})
    EXPECT_EQ(store->Put(key, "x", {}).error().kind, ErrorKind::kInvalid) << key;
  ASSERT_TRUE(store->Put("_tidemark/tmpfile", "x", {}));
  auto all = store->List("", {}, 100);
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ((*all)[0].key, "_tidemark/tmpfile");
}

TEST(LocalStore, ATokenCannotLeaveTheStagingFolder) {
  TempFolder folder;
  auto store = OpenAt(folder.path());
  std::ofstream(folder.path() + "/precious") << "x";
  SealedObject evil{"data/a", "../../../../precious", 1};
  EXPECT_EQ(store->Publish(evil).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(store->Discard(evil).error().kind, ErrorKind::kInvalid);
  EXPECT_TRUE(fs::exists(folder.path() + "/precious"));
}

}  // namespace
}  // namespace tidemark
