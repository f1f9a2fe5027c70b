#include "object/object_store.h"

namespace tidemark {

Status ForEachObject(ObjectStore& store, std::string_view prefix,
                     const std::function<Status(const ObjectInfo&)>& each) {
  constexpr int kPageObjects = 1000;
  std::string after;
  while (true) {
    auto page = TRY(store.List(prefix, after, kPageObjects));
    for (const auto& object : page) TRY(each(object));
    if (std::ssize(page) < kPageObjects) return {};
    after = std::move(page.back().key);
  }
}

}  // namespace tidemark
