#include "commit/landing.h"

#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "commit/views.h"

namespace tidemark {
namespace {

constexpr int kFinishAttemptsMax = 10;

bool IsFinished(const LandedState& state) { return state.pending.empty() && state.remove.empty(); }

// A load lands a D row for every key that is gone, and what changed while it ran, beside its L
// rows.
std::int64_t FileRows(const RunSummary& run) {
  return run.rows + (run.mode == "full" ? run.inserted + run.updated + run.deleted : 0);
}

std::int64_t BytesOf(std::span<const SealedObject> objects) {
  std::int64_t bytes = 0;
  for (const auto& object : objects) bytes += object.size_bytes;
  return bytes;
}

Result<LandedState> ParseStored(const Stored& stored, const TableLayout& layout) {
  auto state = ParseState(stored.bytes);
  if (!state) return Fail(std::move(state).error().While(layout.StateKey()));
  return state;
}

}  // namespace

Result<LandedState> Landing::Peek(ObjectStore& store, const TableLayout& layout) {
  auto stored = store.Get(layout.StateKey());
  if (stored) return ParseStored(*stored, layout);
  if (stored.error().kind == ErrorKind::kNotFound) return LandedState();
  return Fail(stored.error());
}

Result<Landing> Landing::Take(ObjectStore& store, TableLayout layout, std::string run_id,
                              Clock& clock, EarlierLoad load) {
  Landing landing(store, std::move(layout), clock);
  auto stored = store.Get(landing.layout_.StateKey());
  if (stored) {
    landing.state_ = TRY(ParseStored(*stored, landing.layout_));
    landing.etag_ = stored->etag;
  } else if (stored.error().kind != ErrorKind::kNotFound) {
    return Fail(stored.error());
  }
  if (!IsFinished(landing.state_)) TRY(landing.FinishCommitted());
  auto next = landing.state_;
  ++next.epoch;
  next.name = landing.layout_.name;
  next.run_id = std::move(run_id);
  next.last_timestamp_us = std::max(clock.NowUs(), next.last_timestamp_us + 1);
  if (load == EarlierLoad::kDrop) next.load.reset();
  TRY(landing.Replace(next, Failpoint::state_before_take, Failpoint::state_after_take));
  landing.first_timestamp_us_ = next.last_timestamp_us;
  TRY(landing.Sweep());
  return landing;
}

// A refused or unanswered write may have happened all the same: what is stored decides.
Status Landing::Replace(const LandedState& next, Failpoint before, Failpoint after) {
  auto text = Serialize(next);
  auto put = [&]() -> Result<std::string> {
    TRY(Hit(before));
    auto etag =
        TRY(store_->Put(layout_.StateKey(), text, {.if_absent = etag_.empty(), .if_etag = etag_}));
    TRY(Hit(after));
    return etag;
  };
  auto etag = put();
  if (!etag) {
    auto stored = store_->Get(layout_.StateKey());
    if (!stored || stored->bytes != text) {
      if (etag.error().kind != ErrorKind::kConflict) return Fail(etag.error());
      return Fail(ErrorKind::kConflict,
                  layout_.StateKey() + ": another run took the table at this moment");
    }
    etag = stored->etag;
  }
  state_ = next;
  etag_ = *etag;
  return {};
}

Result<std::unique_ptr<Upload>> Landing::StartFile(int part, std::string_view extension) {
  return store_->StartUpload(layout_.FileKey(state_.last_timestamp_us, part, extension),
                             state_.run_id);
}

Result<std::unique_ptr<Upload>> Landing::StartBaseFile(int part, std::string_view extension) {
  return store_->StartUpload(layout_.BaseKey(state_.last_timestamp_us, part, extension),
                             state_.run_id);
}

Result<SealedObject> Landing::Seal(Upload& upload) {
  FAILPOINT(upload_before_seal);
  auto sealed = TRY(upload.Seal());
  FAILPOINT(upload_after_seal);
  return sealed;
}

Status Landing::SealFile(Upload& upload) {
  Add(TRY(Seal(upload)));
  return {};
}

std::int64_t Landing::sealed_bytes() const {
  return BytesOf(sealed_) + (state_.load ? BytesOf(state_.load->sealed) : 0);
}

void Landing::BeginLoad(UnfinishedLoad load) { state_.load = std::move(load); }

Status Landing::KeepOfLoad(std::span<const SealedObject> objects,
                           std::span<const std::string> slices, std::int64_t rows) {
  auto next = state_;
  auto& load = *next.load;
  load.sealed.insert(load.sealed.end(), objects.begin(), objects.end());
  load.rows += rows;
  std::erase_if(load.slices, [&](const std::string& slice) {
    return std::ranges::find(slices, slice) != slices.end();
  });
  // Should the write fail, it may have happened all the same: the next Take's sweep decides on
  // them.
  std::erase_if(sealed_, [&](const SealedObject& object) {
    return std::ranges::find(objects, object) != objects.end();
  });
  return Replace(next, Failpoint::load_before_keep, Failpoint::load_after_keep);
}

Status Landing::DropLoad() {
  auto dropped = std::exchange(state_.load, std::nullopt);
  if (!dropped || dropped->sealed.empty()) return {};
  TRY(Replace(state_, Failpoint::load_before_drop, Failpoint::load_after_drop));
  for (const auto& object : dropped->sealed) TRY(store_->Discard(object));
  return {};
}

void Landing::AdvanceTimestamp() {
  state_.last_timestamp_us = std::max(clock_->NowUs(), state_.last_timestamp_us + 1);
}

Status Landing::DiscardSealed() {
  while (!sealed_.empty()) {
    TRY(store_->Discard(sealed_.back()));
    sealed_.pop_back();
  }
  return {};
}

// The data files that a run which replaces the table makes obsolete: ours by their timestamp, and
// those of an adopted folder by their shape. What a user put there stays.
Result<std::vector<std::string>> Landing::OlderFiles(std::int64_t below_us) const {
  std::vector<std::string> older;
  auto stem = layout_.path.schema + "_" + layout_.path.table + "_";
  TRY(ForEachObject(*store_, layout_.DataPrefix(), [&](const ObjectInfo& object) -> Status {
    auto timestamp_us = FileTimestamp(object.key);
    std::string_view name = std::string_view(object.key).substr(object.key.rfind('/') + 1);
    bool is_adopted = timestamp_us < 0 && name.starts_with(stem) && name.ends_with(".parquet") &&
                      name.find("_part") != name.npos;
    if (is_adopted || (timestamp_us >= 0 && timestamp_us < below_us)) older.push_back(object.key);
    return {};
  }));
  return older;
}

LandedState Landing::Committed(const LandingCommit& commit) const {
  auto next = state_;
  next.name = layout_.name;
  next.is_loaded = true;
  next.position = commit.position;
  next.source_identity = commit.source_identity;
  next.fingerprint = commit.fingerprint;
  next.schema_version = commit.schema_version;
  next.columns = commit.columns;
  next.key = commit.key;
  next.last_field_id = commit.last_field_id;
  next.dropped = commit.dropped;
  next.former_names = commit.former_names;
  next.config = commit.config;
  next.presentation = state_.presentation.With(commit.presentation);
  next.retention_seconds = commit.retention_seconds;
  next.landed_at_us = clock_->NowUs();
  next.pending = next.load ? std::move(next.load->sealed) : std::vector<SealedObject>();
  next.pending.insert(next.pending.end(), sealed_.begin(), sealed_.end());
  next.load.reset();
  next.last_run = commit.summary;
  auto& run = next.last_run;
  if (run.run_id.empty()) run.run_id = state_.run_id;
  run.files.clear();
  for (const auto& object : next.pending) run.files.push_back(object.key);
  run.bytes = sealed_bytes();
  run.finished_us = next.landed_at_us;
  if (commit.adopted_us > 0) next.adopted_us = commit.adopted_us;
  if (commit.replaces_older_files) {
    next.adopted_us = 0;
    next.base_timestamp_us = first_timestamp_us_;
    next.dropped.clear();
    next.former_names.clear();
    next.live_files = next.live_rows = 0;
    next.base = {};
  }
  next.live_files += std::ssize(next.pending);
  next.live_rows += FileRows(run);
  return next;
}

Status Landing::Commit(LandingCommit commit) {
  auto next = Committed(commit);
  if (commit.replaces_older_files) {
    next.remove = TRY(OlderFiles(first_timestamp_us_));
    for (const auto& file : state_.base.files) next.remove.push_back(file.key);
  }
  return CommitState(next);
}

Status Landing::CommitBase(const BaseCommit& commit) {
  auto next = state_;
  LandedBase base{
      .timestamp_us = first_timestamp_us_,
      .version = state_.position.version,
      .scd_type = commit.scd_type,
      .soft_delete = commit.soft_delete,
      .has_pruned = state_.base.has_pruned,
      .rows = commit.rows,
      .data_files = state_.base.data_files + state_.live_files - std::ssize(state_.base.files),
      .files = {}};
  for (const auto& object : sealed_) base.files.push_back({object.key, object.size_bytes});
  for (const auto& file : state_.base.files) next.remove.push_back(file.key);
  next.base = std::move(base);
  next.presentation = state_.presentation.With(commit.presentation);
  next.pending = sealed_;
  next.live_files = std::ssize(sealed_);
  next.live_rows = commit.rows;
  keeps_older_ = true;
  return CommitState(next);
}

Status Landing::CommitPrune() {
  if (!state_.pending.empty())
    return Fail(ErrorKind::kUnavailable,
                layout_.StateKey() + ": its base is not visible yet, so nothing is pruned",
                "run tidemark compact --prune again");
  auto next = state_;
  // Files of another program stay where they are; what they held is in the base.
  for (auto& key : TRY(OlderFiles(state_.base.timestamp_us)))
    if (FileTimestamp(key) >= 0) next.remove.push_back(std::move(key));
  next.base_timestamp_us = state_.base.timestamp_us;
  next.base.has_pruned = true;
  next.base.data_files = 0;
  keeps_older_ = true;
  return CommitState(next);
}

Status Landing::FinishRemoval() {
  keeps_older_ = false;
  are_views_written_ = true;
  TRY(FinishCommitted());
  return {};
}

Status Landing::CommitState(const LandedState& next) {
  TRY(ReplaceCommitted(next));
  sealed_.clear();
  // The run is a success from here on, whatever comes.
  auto finished = FinishCommitted();
  auto pending = std::move(state_.pending);
  state_ = next;
  state_.pending = std::move(pending);
  if (!keeps_older_) state_.remove.clear();
  if (!finished)
    Log(LogLevel::kWarning, layout_.StateKey() +
                                ": committed, but not all of it is visible yet; the next sync "
                                "will finish it: " +
                                finished.error().message);
  return {};
}

// Whether `stored`, which came after, says that `next` was stored before it.
bool Landing::HasHappened(const LandedState& next, const LandedState& stored) const {
  if (keeps_older_)
    return stored.base.timestamp_us == next.base.timestamp_us &&
           stored.base_timestamp_us == next.base_timestamp_us;
  return stored.last_run == next.last_run && stored.position == next.position;
}

Status Landing::ReplaceCommitted(const LandedState& next) {
  auto replaced = Replace(next, Failpoint::state_before_commit, Failpoint::state_after_commit);
  if (replaced) return {};
  auto stored = store_->Get(layout_.StateKey());
  if (!stored) {
    // Not even a conflict is sure now: the store may have repeated a write that had happened.
    auto error = std::move(replaced).error();
    if (error.kind == ErrorKind::kConflict) error.kind = ErrorKind::kUnavailable;
    return Fail(std::move(error).While("whether the commit happened is not known"));
  }
  auto state = TRY(ParseStored(*stored, layout_));
  if (state.epoch >= next.epoch && HasHappened(next, state)) {
    // It happened, and another run has gone on from it.
    state_ = std::move(state);
    etag_ = stored->etag;
    return {};
  }
  // Only a conflict says for sure that it did not happen; after anything else what is sealed stays
  // for the next Take, or its sweep, to settle.
  if (replaced.error().kind == ErrorKind::kConflict)
    if (auto discarded = DiscardSealed(); !discarded)
      Log(LogLevel::kWarning, "left for the next sync to sweep: " + discarded.error().message);
  return replaced;
}

Status Landing::PublishAndClear() {
  for (const auto& object : state_.pending) {
    FAILPOINT(publish_before);
    TRY(store_->Publish(object));
    FAILPOINT(publish_after);
  }
  TRY(WriteViews(*store_, layout_, state_));
  if (!keeps_older_) TRY(RemoveOlder());
  auto next = state_;
  next.pending.clear();
  if (!keeps_older_) next.remove.clear();
  // Nothing to clear: no second write, only a look whether another run has gone on meanwhile.
  bool has_cleared = !state_.pending.empty() || next.remove.size() != state_.remove.size();
  if (has_cleared)
    return Replace(next, Failpoint::state_before_clear, Failpoint::state_after_clear);
  if (TRY(store_->Get(layout_.StateKey())).etag == etag_) return {};
  return Fail(ErrorKind::kConflict, layout_.StateKey() + ": another run has taken the table");
}

Status Landing::RemoveOlder() {
  if (state_.remove.empty()) return {};
  // Views name the files of a base, so they are written again before one goes.
  bool has_base =
      state_.base.is_there() || std::ranges::any_of(state_.remove, [&](const std::string& key) {
        return key.starts_with(layout_.BasePrefix());
      });
  if (has_base && !are_views_written_) {
    SharedTable table{&layout_, &state_};
    TRY(WriteSharedViews(*store_, {&table, 1}));
  }
  FAILPOINT(remove_before);
  TRY(store_->Delete(state_.remove));
  FAILPOINT(remove_after);
  return {};
}

// After the commit anyone may do this, several at once. Who finds that another run went on
// meanwhile goes on from what is stored: that run's work may be finished by us as well, and its
// views, which we may just have overwritten with older ones, are written again.
Status Landing::FinishCommitted() {
  for (int attempt = 0;; ++attempt) {
    auto done = PublishAndClear();
    if (done) return {};
    auto stored = store_->Get(layout_.StateKey());
    if (!stored || stored->etag == etag_ || attempt == kFinishAttemptsMax) {
      if (done.error().kind == ErrorKind::kCorrupt)
        done.error().hint = "a committed file is lost: remove " + layout_.StateKey() + " and " +
                            layout_.DataPrefix() + " and land the table again";
      return done;
    }
    state_ = TRY(ParseStored(*stored, layout_));
    etag_ = stored->etag;
  }
}

}  // namespace tidemark
