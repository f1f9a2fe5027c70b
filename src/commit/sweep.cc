#include <algorithm>

#include "base/failpoint.h"
#include "commit/landing.h"

namespace tidemark {

// What dead or fenced-off runs left. Only what is listed *before* the state is seen to be ours still:
// a run that takes the table later may be sealing already, and its objects must stay.
Status Landing::Sweep() {
  FAILPOINT(sweep_before);
  auto found = TRY(store_->ListSealed(layout_.DataPrefix()));
  std::erase_if(found, [&](const SealedObject& object) {
    bool is_pending = std::ranges::any_of(state_.pending, [&](const SealedObject& pending) {
      return pending.key == object.key && pending.token == object.token;
    });
    return is_pending || object.token.find(state_.run_id) != std::string::npos;
  });
  if (!found.empty() && TRY(store_->Get(layout_.StateKey())).etag != etag_)
    return Fail(ErrorKind::kConflict,
                layout_.StateKey() + ": another run took the table at this moment");
  for (const auto& object : found) TRY(store_->Discard(object));
  FAILPOINT(sweep_after);
  return {};
}

}  // namespace tidemark
