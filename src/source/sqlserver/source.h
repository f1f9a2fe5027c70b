#pragma once
#include <memory>
#include <string>

#include "source/source.h"

namespace tidemark::sqlserver {

class Connector;

// `location`: //[user[:password]@]host[\instance][:port][/database][?option=value&…], as
// tds/address.h reads it. The password may also come from options.settings or TIDEMARK_PASSWORD.
// Nothing is connected to yet. kInvalid: the location or an option is none.
Result<std::unique_ptr<Source>> OpenSqlServerSource(const std::string& location,
                                                    const SourceOptions& options);

// Opens sessions of what `location` and options name. Errors as above.
Result<std::shared_ptr<const Connector>> ConnectorOf(const std::string& location,
                                                     const SourceOptions& options);

}  // namespace tidemark::sqlserver
