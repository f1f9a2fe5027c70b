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
  std::erase_if(found, [&](const SealedObject& object) {
    bool is_pending = std::ranges::any_of(state_.pending, [&](const SealedObject& pending) {
      return pending.key == object.key && pending.token == object.token;
    });
    return is_pending || NamesRun(object.token, state_.run_id);
  });
  if (!found.empty() && TRY(store_->Get(layout_.StateKey())).etag != etag_)
    return Fail(ErrorKind::kConflict,
                layout_.StateKey() + ": another run took the table at this moment");
  for (const auto& object : found) TRY(store_->Discard(object));
  FAILPOINT(sweep_after);
  return {};
}

}  // namespace tidemark
