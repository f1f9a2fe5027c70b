#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "source/sqlserver/tds/endpoint.h"
#include "source/sqlserver/tds/waiter.h"

namespace tidemark::tds {

// Asks the server's browser service (UDP, usually port 1434) at which TCP port a named instance
// listens. kNotFound: there is no such host or instance, or it listens at no TCP port;
// kUnavailable: nobody answers.
Result<std::uint16_t> FindInstancePort(const Endpoint& browser, std::string_view instance,
                                       Waiter& waiter);

// What the browser service answered: "ServerName;X;InstanceName;Y;…;tcp;1433;…;;". kCorrupt: that
// is no such answer.
Result<std::uint16_t> PortInBrowserAnswer(std::string_view answer, std::string_view instance);

}  // namespace tidemark::tds
