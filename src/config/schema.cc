#include <nlohmann/json.hpp>

#include "config/keys.h"

namespace tidemark::config {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Shape::Kind;

Json OfShape(const Shape& shape, bool is_wanted);

// A value may always be taken from a variable.
Json OrVariable(Json json) {
  return {{"anyOf", {std::move(json), {{"type", "string"}, {"pattern", R"(\$\{\w+\})"}}}}};
}

Json OfSection(const Shape& shape) {
  Json json = {{"type", "object"}};
  auto required = Json::array();
  for (const auto& key : shape.keys) {
    auto property = OfShape(*key.shape, key.is_required || !key.shape->may_be_empty);
    property["description"] = key.text;
    if (key.is_secret) property["writeOnly"] = true;
    json["properties"][std::string(key.name)] = std::move(property);
    if (key.is_required) required.push_back(key.name);
  }
  if (!required.empty()) json["required"] = required;
  if (!shape.may_be_empty) json["minProperties"] = 1;
  json["additionalProperties"] = false;
  return json;
}

// Other names are allowed only where there is no map of schemas.
Json OfDatabase(const Shape& shape) {
  auto json = OfSection(shape);
  json["additionalProperties"] = OfShape(*shape.item, true);
  json["if"] = {{"required", {"schemas"}}};
  auto names = Json::array();
  for (const auto& key : shape.keys) names.push_back(key.name);
  json["then"] = {{"propertyNames", {{"enum", names}}}};
  return json;
}

Json OfInteger(const Shape& shape) {
  Json number = {{"type", "integer"}, {"minimum", shape.min}};
  if (shape.max != std::numeric_limits<std::int64_t>::max()) number["maximum"] = shape.max;
  Json digits = {{"type", "string"}, {"pattern", R"(^[0-9][0-9_]*$|\$\{\w+\})"}};
  return {{"anyOf", {std::move(number), std::move(digits)}}};
}

Json OfWanted(const Shape& shape) {
  switch (shape.kind) {
    case Kind::kText:
      return {{"type", {"string", "number", "boolean"}}};
    case Kind::kWord:
      return shape.words.size() == 1 ? Json{{"const", shape.words[0]}}
                                     : OrVariable({{"enum", Json(shape.words)}});
    case Kind::kInteger:
      return OfInteger(shape);
    case Kind::kBoolean:
      return OrVariable({{"type", "boolean"}});
    case Kind::kSize:
      return {{"type", {"string", "integer"}},
              {"pattern", R"(^[0-9]+([KMGTk]?(i?B)?)$|\$\{\w+\})"}};
    case Kind::kTime:
      return {{"type", {"string", "integer"}}, {"pattern", R"(^[0-9]+(ms|s|m|h|d)?$|\$\{\w+\})"}};
    case Kind::kList: {
      Json json = {{"type", "array"}, {"items", OfShape(*shape.item, true)}};
      if (!shape.may_be_empty) json["minItems"] = 1;
      return json;
    }
    case Kind::kMap: {
      Json json = {{"type", "object"},
                   {"additionalProperties", OfShape(*shape.item, !shape.item->may_be_empty)}};
      if (!shape.may_be_empty) json["minProperties"] = 1;
      return json;
    }
    case Kind::kSection:
      return shape.item ? OfDatabase(shape) : OfSection(shape);
    case Kind::kEither: {
      auto choices = Json::array();
      for (const auto* choice : shape.choices) choices.push_back(OfShape(*choice, true));
      return {{"anyOf", choices}};
    }
  }
  return Json::object();
}

// What is not wanted may be there with nothing behind it.
Json OfShape(const Shape& shape, bool is_wanted) {
  auto json = OfWanted(shape);
  if (is_wanted) return json;
  return {{"anyOf", {std::move(json), {{"type", "null"}}}}};
}

}  // namespace

std::string JsonSchema() {
  Json json = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
               {"title", "Configuration of tidemark"},
               {"description", "YAML or JSON. ${NAME} in a value stands for a variable."}};
  json.update(OfSection(FileShape()));
  json["patternProperties"] = {{"^x-", Json::object()}};
  return json.dump(2) + "\n";
}

}  // namespace tidemark::config
