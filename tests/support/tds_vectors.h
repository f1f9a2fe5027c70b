#pragma once
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace tidemark::test {

// One file of the folder that TIDEMARK_TDS_VECTORS names (else ../shared/tds-vectors beside the
// repository); null: there is none.
inline nlohmann::json TdsVectors(const std::string& file) {
  const char* named = std::getenv("TIDEMARK_TDS_VECTORS");
  const std::filesystem::path folder = named != nullptr ? named : "../shared/tds-vectors";
  std::ifstream stream(folder / file);
  return stream ? nlohmann::json::parse(stream) : nlohmann::json();
}

}  // namespace tidemark::test

// Tests that need bytes of real servers skip where they are absent, and say so.
#define SKIP_WITHOUT_VECTORS(vectors, file) \
  if ((vectors).is_null())                  \
  GTEST_SKIP() << "no " << (file) << " in the folder of TIDEMARK_TDS_VECTORS"
