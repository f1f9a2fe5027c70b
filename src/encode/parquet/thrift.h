#pragma once
#include <cstdint>
#include <string_view>

#include "encode/parquet/byte_buffer.h"

namespace tidemark::pq {

// Thrift's compact protocol, as far as Parquet's headers and footer need it. Fields of a struct are
// given in ascending order of their ids.
class ThriftOut {
 public:
  enum Type : std::uint8_t { kTrue = 1, kFalse, kByte, kI16, kI32, kI64, kDouble, kBinary, kList };
  static constexpr std::uint8_t kStruct = 12;

  explicit ThriftOut(ByteBuffer& out) : out_(&out) {}

  void Bool(int id, bool value) { Field(id, value ? kTrue : kFalse); }
  void I8(int id, std::int8_t value) {
    Field(id, kByte);
    out_->AppendByte(static_cast<std::uint8_t>(value));
  }
  void I16(int id, std::int16_t value) { Number(id, kI16, value); }
  void I32(int id, std::int32_t value) { Number(id, kI32, value); }
  void I64(int id, std::int64_t value) { Number(id, kI64, value); }
  void Binary(int id, std::string_view bytes) {
    Field(id, kBinary);
    BinaryElement(bytes);
  }
  // `fields` writes the struct's fields.
  template <class F>
  void Struct(int id, F&& fields) {
    Field(id, kStruct);
    StructElement(fields);
  }
  void EmptyStruct(int id) {
    Struct(id, [] {});
  }
  // What follows is `count` elements.
  void List(int id, std::uint8_t element_type, std::size_t count) {
    Field(id, kList);
    if (count < 15) {
      out_->AppendByte(static_cast<std::uint8_t>(count << 4 | element_type));
    } else {
      out_->AppendByte(static_cast<std::uint8_t>(0xF0 | element_type));
      out_->AppendVarint(count);
    }
  }
  template <class F>
  void StructElement(F&& fields) {
    const int outer = last_id_;
    last_id_ = 0;
    fields();
    out_->AppendByte(0);
    last_id_ = outer;
  }
  void BinaryElement(std::string_view bytes) {
    out_->AppendVarint(bytes.size());
    out_->Append(bytes);
  }
  void NumberElement(std::int64_t value) { out_->AppendZigzag(value); }
  void BoolElement(bool value) { out_->AppendByte(value ? kTrue : kFalse); }

 private:
  void Field(int id, std::uint8_t type) {
    const int step = id - last_id_;
    if (step > 0 && step < 16) {
      out_->AppendByte(static_cast<std::uint8_t>(step << 4 | type));
    } else {
      out_->AppendByte(type);
      out_->AppendZigzag(id);
    }
    last_id_ = id;
  }
  void Number(int id, std::uint8_t type, std::int64_t value) {
    Field(id, type);
    out_->AppendZigzag(value);
  }

  ByteBuffer* out_;
  int last_id_ = 0;
};

}  // namespace tidemark::pq
