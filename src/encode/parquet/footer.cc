#include "encode/parquet/footer.h"

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "encode/parquet/thrift.h"

namespace tidemark::pq {
namespace {

// ConvertedType in parquet.thrift: what readers from before logical types look at.
enum Converted {
  kUtf8 = 0,
  kDecimal = 5,
  kDate = 6,
  kTimestampMillis = 9,
  kTimestampMicros = 10,
  kInt8 = 15,
  kInt16 = 16
};

// Field 9 of a SchemaElement, between the converted type and the logical one.
void AppendFieldId(const Leaf& leaf, ThriftOut& out) {
  if (leaf.field_id > 0) out.I32(9, leaf.field_id);
}

void AppendTimestamp(const Leaf& leaf, ThriftOut& out) {
  const auto& type = static_cast<const arrow::TimestampType&>(*leaf.type);
  const bool is_utc = !type.timezone().empty();
  // The converted types mean UTC, so a local timestamp has none.
  if (is_utc && type.unit() == arrow::TimeUnit::MILLI) out.I32(6, kTimestampMillis);
  if (is_utc && type.unit() == arrow::TimeUnit::MICRO) out.I32(6, kTimestampMicros);
  AppendFieldId(leaf, out);
  out.Struct(10, [&] {
    out.Struct(8, [&] {
      out.Bool(1, is_utc);
      const int unit = type.unit() == arrow::TimeUnit::MILLI   ? 1
                       : type.unit() == arrow::TimeUnit::MICRO ? 2
                                                               : 3;
      out.Struct(2, [&] { out.EmptyStruct(unit); });
    });
  });
}

void AppendDecimal(const Leaf& leaf, ThriftOut& out) {
  const auto& type = static_cast<const arrow::DecimalType&>(*leaf.type);
  out.I32(6, kDecimal);
  out.I32(7, type.scale());
  out.I32(8, type.precision());
  AppendFieldId(leaf, out);
  out.Struct(10, [&] {
    out.Struct(5, [&] {
      out.I32(1, type.scale());
      out.I32(2, type.precision());
    });
  });
}

void AppendSmallInteger(int bits, Converted converted, const Leaf& leaf, ThriftOut& out) {
  out.I32(6, converted);
  AppendFieldId(leaf, out);
  out.Struct(10, [&] {
    out.Struct(10, [&] {
      out.I8(1, static_cast<std::int8_t>(bits));
      out.Bool(2, true);
    });
  });
}

// One without parameters.
void AppendPlain(Converted converted, int logical, const Leaf& leaf, ThriftOut& out) {
  out.I32(6, converted);
  AppendFieldId(leaf, out);
  out.Struct(10, [&] { out.EmptyStruct(logical); });
}

// Fields 6 to 10 of a SchemaElement.
void AppendLogicalType(const Leaf& leaf, ThriftOut& out) {
  constexpr int kString = 1, kDay = 6;
  switch (leaf.type->id()) {
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return AppendPlain(kUtf8, kString, leaf, out);
    case arrow::Type::DATE32:
      return AppendPlain(kDate, kDay, leaf, out);
    case arrow::Type::INT8:
      return AppendSmallInteger(8, kInt8, leaf, out);
    case arrow::Type::INT16:
      return AppendSmallInteger(16, kInt16, leaf, out);
    case arrow::Type::TIMESTAMP:
      return AppendTimestamp(leaf, out);
    case arrow::Type::DECIMAL128:
      return AppendDecimal(leaf, out);
    default:
      return AppendFieldId(leaf, out);
  }
}

void AppendGroup(const std::string& name, std::int64_t members, ThriftOut& out) {
  constexpr int kOptional = 1;
  out.StructElement([&] {
    out.I32(3, kOptional);
    out.Binary(4, name);
    out.I32(5, static_cast<std::int32_t>(members));
  });
}

void AppendLeaf(const Leaf& leaf, ThriftOut& out) {
  out.StructElement([&] {
    out.I32(1, static_cast<int>(leaf.physical));
    if (leaf.physical == Physical::kFixed) out.I32(2, leaf.fixed_bytes);
    out.I32(3, leaf.is_nullable ? 1 : 0);
    out.Binary(4, leaf.name);
    AppendLogicalType(leaf, out);
  });
}

// Where the members of each struct begin and end; a leaf outside of any stands alone.
std::vector<std::span<const Leaf>> Fields(const std::vector<Leaf>& leaves) {
  std::vector<std::span<const Leaf>> fields;
  for (std::size_t i = 0, end = 0; i < leaves.size(); i = end) {
    end = i + 1;
    while (!leaves[i].group.empty() && end < leaves.size() && leaves[end].group == leaves[i].group)
      ++end;
    fields.push_back(std::span(leaves).subspan(i, end - i));
  }
  return fields;
}

void AppendSchema(const std::vector<Leaf>& leaves, ThriftOut& out) {
  const auto fields = Fields(leaves);
  std::size_t elements = 1 + leaves.size();
  for (const auto& field : fields) elements += field.front().group.empty() ? 0 : 1;
  out.List(2, ThriftOut::kStruct, elements);
  out.StructElement([&] {
    out.Binary(4, "schema");
    out.I32(5, static_cast<std::int32_t>(fields.size()));
  });
  for (const auto& field : fields) {
    const std::string& group = field.front().group;
    if (!group.empty()) AppendGroup(group, std::ssize(field), out);
    for (const Leaf& leaf : field) AppendLeaf(leaf, out);
  }
}

void AppendStatistics(const ChunkEntry& chunk, ThriftOut& out) {
  out.Struct(12, [&] {
    out.I64(3, chunk.nulls);
    if (!chunk.bounds) return;
    out.Binary(5, chunk.bounds->max);
    out.Binary(6, chunk.bounds->min);
    out.Bool(7, true);
    out.Bool(8, true);
  });
}

void AppendEncodings(const ChunkEntry& chunk, ThriftOut& out) {
  std::vector<Encoding> all = {Encoding::kRle};
  if (chunk.has_dictionary) all.push_back(Encoding::kPlain);
  for (const auto& [encoding, pages] : chunk.encodings) {
    if (std::find(all.begin(), all.end(), encoding) == all.end()) all.push_back(encoding);
  }
  out.List(2, ThriftOut::kI32, all.size());
  for (const Encoding encoding : all) out.NumberElement(static_cast<int>(encoding));
}

void AppendEncodingCounts(const ChunkEntry& chunk, ThriftOut& out) {
  constexpr int kDataPage = 0, kDictionaryPage = 2;
  const auto count = [&](int page_type, Encoding encoding, std::int32_t pages) {
    out.StructElement([&] {
      out.I32(1, page_type);
      out.I32(2, static_cast<int>(encoding));
      out.I32(3, pages);
    });
  };
  out.List(13, ThriftOut::kStruct, chunk.encodings.size() + (chunk.has_dictionary ? 1 : 0));
  if (chunk.has_dictionary) count(kDictionaryPage, Encoding::kPlain, 1);
  for (const auto& [encoding, pages] : chunk.encodings) count(kDataPage, encoding, pages);
}

void AppendColumnMetadata(const Leaf& leaf, const ChunkEntry& chunk, ThriftOut& out) {
  out.I32(1, static_cast<int>(leaf.physical));
  AppendEncodings(chunk, out);
  out.List(3, ThriftOut::kBinary, leaf.group.empty() ? 1 : 2);
  if (!leaf.group.empty()) out.BinaryElement(leaf.group);
  out.BinaryElement(leaf.name);
  out.I32(4, chunk.codec_id);
  out.I64(5, chunk.values);
  out.I64(6, chunk.raw_bytes);
  out.I64(7, chunk.bytes);
  out.I64(9, chunk.first_data_page);
  if (chunk.has_dictionary) out.I64(11, chunk.begin);
  AppendStatistics(chunk, out);
  AppendEncodingCounts(chunk, out);
}

struct IndexPlace {
  std::int64_t offset = 0;
  std::int32_t bytes = 0;  // 0: none
};

void AppendColumnIndex(const ChunkEntry& chunk, ThriftOut& out) {
  constexpr int kUnordered = 0;
  out.StructElement([&] {
    out.List(1, ThriftOut::kTrue, chunk.pages.size());
    for (const PageEntry& page : chunk.pages) out.BoolElement(page.is_all_null);
    out.List(2, ThriftOut::kBinary, chunk.pages.size());
    for (const PageEntry& page : chunk.pages) out.BinaryElement(page.bounds.min);
    out.List(3, ThriftOut::kBinary, chunk.pages.size());
    for (const PageEntry& page : chunk.pages) out.BinaryElement(page.bounds.max);
    out.I32(4, kUnordered);
    out.List(5, ThriftOut::kI64, chunk.pages.size());
    for (const PageEntry& page : chunk.pages) out.NumberElement(page.nulls);
  });
}

void AppendOffsetIndex(const ChunkEntry& chunk, ThriftOut& out) {
  out.StructElement([&] {
    out.List(1, ThriftOut::kStruct, chunk.pages.size());
    for (const PageEntry& page : chunk.pages) {
      out.StructElement([&] {
        out.I64(1, page.offset);
        out.I32(2, page.bytes);
        out.I64(3, page.first_row);
      });
    }
  });
}

// One index of every chunk, in the order of the chunks.
template <class F>
std::vector<IndexPlace> AppendIndexes(const std::vector<RowGroupEntry>& groups,
                                      std::int64_t position, ByteBuffer& out, F&& append) {
  std::vector<IndexPlace> places;
  for (const RowGroupEntry& group : groups) {
    for (const ChunkEntry& chunk : group.chunks) {
      const std::size_t from = out.size();
      append(chunk);
      places.push_back({position + static_cast<std::int64_t>(from),
                        static_cast<std::int32_t>(out.size() - from)});
    }
  }
  return places;
}

struct Indexes {
  std::vector<IndexPlace> column, offset;
};

void AppendRowGroup(const std::vector<Leaf>& leaves, const RowGroupEntry& group,
                    std::size_t first_place, const Indexes& indexes, ThriftOut& out) {
  std::int64_t raw_bytes = 0, bytes = 0;
  out.List(1, ThriftOut::kStruct, group.chunks.size());
  for (std::size_t i = 0; i < group.chunks.size(); ++i) {
    const ChunkEntry& chunk = group.chunks[i];
    raw_bytes += chunk.raw_bytes;
    bytes += chunk.bytes;
    out.StructElement([&] {
      out.I64(2, 0);  // deprecated, and required
      out.Struct(3, [&] { AppendColumnMetadata(leaves[i], chunk, out); });
      const IndexPlace& offset = indexes.offset[first_place + i];
      const IndexPlace& column = indexes.column[first_place + i];
      out.I64(4, offset.offset);
      out.I32(5, offset.bytes);
      if (column.bytes == 0) return;
      out.I64(6, column.offset);
      out.I32(7, column.bytes);
    });
  }
  out.I64(2, raw_bytes);
  out.I64(3, group.rows);
  out.I64(5, group.chunks.front().begin);
  out.I64(6, bytes);
}

void AppendFileMetadata(const std::vector<Leaf>& leaves, const std::vector<RowGroupEntry>& groups,
                        const Indexes& indexes, ThriftOut& out) {
  std::int64_t rows = 0;
  for (const RowGroupEntry& group : groups) rows += group.rows;
  out.I32(1, 2);  // the delta encodings came with version 2
  AppendSchema(leaves, out);
  out.I64(3, rows);
  out.List(4, ThriftOut::kStruct, groups.size());
  std::size_t first_place = 0;
  for (const RowGroupEntry& group : groups) {
    out.StructElement([&] { AppendRowGroup(leaves, group, first_place, indexes, out); });
    first_place += group.chunks.size();
  }
  out.Binary(6, "tidemark version " TIDEMARK_VERSION);
  // Without it readers must not trust the statistics: the order of each column is that of its type.
  out.List(7, ThriftOut::kStruct, leaves.size());
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    out.StructElement([&] { out.EmptyStruct(1); });
  }
}

std::optional<Physical> PhysicalOf(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return Physical::kBoolean;
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::DATE32:
      return Physical::kInt32;
    case arrow::Type::INT64:
      return Physical::kInt64;
    case arrow::Type::TIMESTAMP:
      if (static_cast<const arrow::TimestampType&>(type).unit() == arrow::TimeUnit::SECOND)
        return {};
      return Physical::kInt64;
    case arrow::Type::FLOAT:
      return Physical::kFloat;
    case arrow::Type::DOUBLE:
      return Physical::kDouble;
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      return Physical::kBytes;
    case arrow::Type::FIXED_SIZE_BINARY:
      return Physical::kFixed;
    case arrow::Type::DECIMAL128: {
      const int precision = static_cast<const arrow::DecimalType&>(type).precision();
      return precision <= 9    ? Physical::kInt32
             : precision <= 18 ? Physical::kInt64
                               : Physical::kFixed;
    }
    default:
      return {};
  }
}

// 0: none, or not one that Parquet can hold.
std::int32_t FieldIdOf(const arrow::Field& field) {
  if (!field.metadata()) return 0;
  const auto text = field.metadata()->Get("PARQUET:field_id");
  if (!text.ok()) return 0;
  std::int32_t id = 0;
  std::from_chars(text->data(), text->data() + text->size(), id);
  return std::max(id, 0);
}

}  // namespace

Result<Leaf> LeafOf(const arrow::Field& field) {
  const auto physical = PhysicalOf(*field.type());
  if (!physical) {
    return Fail(ErrorKind::kUnsupported,
                fmt::format("column \"{}\": parquet files of ours hold no {}", field.name(),
                            field.type()->ToString()));
  }
  Leaf leaf = {field.name(), field.type(), *physical, 0, field.nullable(), {}, FieldIdOf(field)};
  if (*physical == Physical::kFixed) {
    leaf.fixed_bytes =
        field.type()->id() == arrow::Type::DECIMAL128
            ? arrow::DecimalType::DecimalSize(
                  static_cast<const arrow::DecimalType&>(*field.type()).precision())
            : static_cast<const arrow::FixedSizeBinaryType&>(*field.type()).byte_width();
  }
  return leaf;
}

void ChunkEntry::PlaceAt(std::int64_t position) {
  begin = position;
  first_data_page += position;
  for (PageEntry& page : pages) page.offset += position;
}

ByteBuffer FooterOf(const std::vector<Leaf>& leaves, const std::vector<RowGroupEntry>& groups,
                    std::int64_t position) {
  ByteBuffer footer;
  ThriftOut out(footer);
  Indexes indexes;
  indexes.column = AppendIndexes(groups, position, footer, [&](const ChunkEntry& chunk) {
    if (chunk.has_page_bounds) AppendColumnIndex(chunk, out);
  });
  indexes.offset = AppendIndexes(groups, position, footer,
                                 [&](const ChunkEntry& chunk) { AppendOffsetIndex(chunk, out); });
  const std::size_t from = footer.size();
  out.StructElement([&] { AppendFileMetadata(leaves, groups, indexes, out); });
  footer.AppendU32(static_cast<std::uint32_t>(footer.size() - from));
  footer.Append("PAR1");
  return footer;
}

}  // namespace tidemark::pq
