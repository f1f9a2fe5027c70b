#pragma once
#include <memory>
#include <string>

#include "object/object_store.h"

namespace tidemark {

// A folder on this machine. Objects are plain files under it; what is sealed and not published
// waits in `_tidemark/staging`, and small objects are replaced by way of `_tidemark/tmp`, so
// `_tidemark` must lie on the same file system as the rest. Processes exclude each other with
// flock. List gives no etags: it would have to read the files.
//
// The folder is made unless `options.is_read_only`. kNotFound: read-only and not there. kInvalid:
// it is a file. kDenied: it cannot be written (or read) by this user.
Result<std::unique_ptr<ObjectStore>> OpenLocalStore(const std::string& path,
                                                    const StoreOptions& options);

}  // namespace tidemark
