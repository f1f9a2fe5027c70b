#pragma once
#include <string>

namespace tidemark::http {

// A PEM file with the authorities that this system trusts, for libraries that were built on another
// kind of system and look where there is nothing; empty: their own place is there. SSL_CERT_FILE
// goes before all.
std::string SystemAuthorities();

}  // namespace tidemark::http
