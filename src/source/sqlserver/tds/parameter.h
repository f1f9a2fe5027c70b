#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/sqlserver/tds/values.h"

namespace tidemark::tds {

// A value as the wire has it, to be sent: what was read goes back bit for bit and never through
// text.
struct Parameter {
  std::string name;         // "@p1"
  std::string declaration;  // "datetime2(7)", as sp_executesql's list of parameters wants it
  std::string type_info;    // TYPE_INFO and the value with its length, as in an RPC
  std::string value;
  bool operator==(const Parameter&) const = default;
};

Parameter IntParameter(std::string name, std::int64_t value);         // bigint
Parameter TextParameter(std::string name, std::string_view utf8);     // nvarchar(4000) or (max)
Parameter BinaryParameter(std::string name, std::string_view bytes);  // varbinary(8000) or (max)
Parameter NullParameter(std::string name);                            // bigint NULL

// A row after its token's byte: each cell as a parameter of the column's own type and collation,
// named @p1, @p2, …; types that cannot be NULL as those that can. kUnsupported: a text, ntext,
// image or rowversion-less type that no key has.
Result<std::vector<Parameter>> ReadRowAsParameters(Input& input,
                                                   std::span<const ResultColumn> columns,
                                                   bool is_nbc = false);

// For positions that are kept: Parse gives what was serialized, or kInvalid.
std::string Serialize(const Parameter& parameter);
Result<Parameter> ParseParameter(std::string_view serialized);

}  // namespace tidemark::tds
