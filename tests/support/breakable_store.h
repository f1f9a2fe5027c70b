#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "object/object_store.h"

namespace tidemark::test {

enum class Fault { kNone, kRefused, kReplyLost, kKilled, kKilledAfter };

struct Killed {};  // thrown; unwinds to the test, as if the process had died

// A store whose calls fail as `next_fault` says, which is asked before every call. Uploads of a
// killed process are not dropped: like files of a dead process they stay until somebody sweeps
// them. `graveyard` keeps them and must go before the store below.
class BreakableStore final : public ObjectStore {
 public:
  using NextFault = std::function<Fault(std::string_view call)>;
  using Graveyard = std::vector<std::unique_ptr<Upload>>;
  BreakableStore(ObjectStore& below, NextFault next_fault, Graveyard& graveyard)
      : below_(&below), next_fault_(std::move(next_fault)), graveyard_(&graveyard) {}

  std::string Location() const override { return below_->Location(); }
  Result<std::unique_ptr<Upload>> StartUpload(std::string_view key,
                                              std::string_view owner) override {
    auto upload = TRY(Pass("StartUpload", [&] { return below_->StartUpload(key, owner); }));
    return std::make_unique<BreakableUpload>(*this, std::move(upload));
  }
  Status Publish(const SealedObject& object) override {
    return Pass("Publish", [&] { return below_->Publish(object); });
  }
  Status Discard(const SealedObject& object) override {
    return Pass("Discard", [&] { return below_->Discard(object); });
  }
  Result<std::vector<SealedObject>> ListSealed(std::string_view prefix) override {
    return Pass("ListSealed", [&] { return below_->ListSealed(prefix); });
  }
  Result<std::string> Put(std::string_view key, std::string_view bytes,
                          const Condition& condition) override {
    return Pass("Put", [&] { return below_->Put(key, bytes, condition); });
  }
  Result<Stored> Get(std::string_view key) override {
    return Pass("Get", [&] { return below_->Get(key); });
  }
  Result<std::string> ReadRange(std::string_view key, std::int64_t begin,
                                std::int64_t size_bytes) override {
    return Pass("ReadRange", [&] { return below_->ReadRange(key, begin, size_bytes); });
  }
  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view after,
                                       int limit) override {
    return Pass("List", [&] { return below_->List(prefix, after, limit); });
  }
  Status Delete(std::span<const std::string> keys) override {
    return Pass("Delete", [&] { return below_->Delete(keys); });
  }
  Result<std::string> SignedUrl(std::string_view key, std::chrono::seconds lifetime) override {
    return Pass("SignedUrl", [&] { return below_->SignedUrl(key, lifetime); });
  }
  Status AppendLine(std::string_view key, std::string_view line,
                    std::string_view unless_contains) override {
    return Pass("AppendLine", [&] { return below_->AppendLine(key, line, unless_contains); });
  }
  Result<std::unique_ptr<AdvisoryLock>> TryLock(std::string_view key) override {
    return Pass("TryLock", [&] { return below_->TryLock(key); });
  }

 private:
  class BreakableUpload final : public Upload {
   public:
    BreakableUpload(BreakableStore& store, std::unique_ptr<Upload> below)
        : store_(&store), below_(std::move(below)) {}
    ~BreakableUpload() override {
      if (store_->is_dead_) store_->graveyard_->push_back(std::move(below_));
    }
    Status Write(std::span<const std::byte> bytes) override {
      return store_->Pass("Write", [&] { return below_->Write(bytes); });
    }
    Result<SealedObject> Seal() override {
      return store_->Pass("Seal", [&] { return below_->Seal(); });
    }

   private:
    BreakableStore* store_;
    std::unique_ptr<Upload> below_;
  };

  void Die() {
    is_dead_ = true;
    throw Killed{};
  }

  template <class F>
  auto Pass(std::string_view name, F call) -> decltype(call()) {
    auto fault = next_fault_(name);
    if (fault == Fault::kKilled) Die();
    if (fault == Fault::kRefused) return Fail(ErrorKind::kUnavailable, "refused");
    auto result = call();
    if (fault == Fault::kKilledAfter) Die();
    if (fault == Fault::kReplyLost) return Fail(ErrorKind::kUnavailable, "reply lost");
    return result;
  }

  ObjectStore* below_;
  NextFault next_fault_;
  Graveyard* graveyard_;
  bool is_dead_ = false;
};

}  // namespace tidemark::test
