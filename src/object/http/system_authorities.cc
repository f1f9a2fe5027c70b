#include "object/http/system_authorities.h"

#include <openssl/x509.h>

#include <cstdlib>
#include <filesystem>

namespace tidemark::http {

std::string SystemAuthorities() {
  if (const char* named = std::getenv(X509_get_default_cert_file_env())) return named;
  std::error_code none;
  if (std::filesystem::is_directory(X509_get_default_cert_dir(), none)) return "";
  constexpr const char* kFiles[] = {
      "/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Arch
      "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, Red Hat
      "/etc/ssl/ca-bundle.pem",              // SUSE
      "/etc/ssl/cert.pem",                   // Alpine, macOS
  };
  for (const char* file : kFiles) {
    if (std::filesystem::is_regular_file(file, none)) return file;
  }
  return "";
}

}  // namespace tidemark::http
