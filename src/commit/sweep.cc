#include <algorithm>

#include "base/failpoint.h"
#include "commit/landing.h"

namespace tidemark {
namespace {

// Whether the run id stands in the token as a word.
bool NamesRun(std::string_view token, std::string_view run_id) {
  auto is_in_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  };
  for (auto at = token.find(run_id); at != token.npos; at = token.find(run_id, at + 1)) {
    auto end = at + run_id.size();
    if ((at == 0 || !is_in_word(token[at - 1])) && (end == token.size() || !is_in_word(token[end])))
      return true;
  }
  return false;
}

}  // namespace

// What dead or fenced-off runs left. Only what is listed *before* the state is seen to be ours
// still: a run that takes the table later may be sealing already, and its objects must stay.
Status Landing::Sweep() {
  FAILPOINT(sweep_before);
  auto found = TRY(store_->ListSealed(layout_.DataPrefix()));
  auto of_base = TRY(store_->ListSealed(layout_.BasePrefix()));
  found.insert(found.end(), of_base.begin(), of_base.end());
  auto is_among = [](const std::vector<SealedObject>& objects, const SealedObject& object) {
    return std::ranges::any_of(objects, [&](const SealedObject& o) {
      return o.key == object.key && o.token == object.token;
    });
  };
  // Someone removed what the unfinished load had sealed: without it there is nothing to go on from.
  bool has_lost_load =
      state_.load && !std::ranges::all_of(state_.load->sealed, [&](const SealedObject& object) {
        return is_among(found, object);
      });
  if (has_lost_load) TRY(DropLoad());
  std::erase_if(found, [&](const SealedObject& object) {
    return is_among(state_.pending, object) ||
           (state_.load && is_among(state_.load->sealed, object)) ||
           NamesRun(object.token, state_.run_id);
  });
  if (!found.empty() && TRY(store_->Get(layout_.StateKey())).etag != etag_)
    return Fail(ErrorKind::kConflict,
                layout_.StateKey() + ": another run took the table at this moment");
  for (const auto& object : found) TRY(store_->Discard(object));
  FAILPOINT(sweep_after);
  return {};
}

}  // namespace tidemark
