#include "source/sqlserver/tds/decode.h"

#include <arrow/array/data.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/arrow_result.h"
#include "source/sqlserver/tds/decode_state.h"
#include "source/sqlserver/tds/tokens.h"

namespace tidemark::tds {
namespace {

using arrow::Type;

constexpr std::int64_t kFirstRows = 256;
constexpr std::int64_t kFirstBytes = 1 << 20;  // fewer where rows are wide
// A batch is far from what 32 bits can count when it ends: what is added to a column by a value
// that does not come piece by piece is below 200 KiB.
constexpr std::int64_t kBatchBytesMax = std::int64_t{1} << 30;
constexpr std::int64_t kBytesBetweenChecks = 16 << 10;

std::unique_ptr<ColumnBuffers> MakeBuffers(const OutputColumn& output) {
  using Shape = ColumnBuffers::Shape;
  auto make = [&](Shape shape, int width) {
    return std::make_unique<ColumnBuffers>(shape, width, output.is_key);
  };
  switch (output.type->id()) {
    case Type::BOOL:
      return make(Shape::kBool, 1);
    case Type::STRING:
    case Type::BINARY:
      return make(Shape::kEnds32, 4);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return make(Shape::kEnds64, 8);
    case Type::LIST:
      return make(Shape::kFloats, 4);
    default:
      return make(Shape::kFixed, output.type->bit_width() / 8);
  }
}

std::unexpected<Error> NoConversion(const ResultColumn& column, const OutputColumn& output) {
  return Fail(ErrorKind::kUnsupported,
              fmt::format("{} of type {} cannot be read as {}", Named(column),
                          Declaration(column.type), output.type->ToString()));
}

// A column beside the value: what it may hold, and of which types.
Status AddSide(const OutputColumn& output, ColumnBuffers* buffers, Step* step) {
  const auto& type = step->column->type;
  const auto kind = type.kind();
  const bool is_moment = kind == Kind::kDateTime2 || kind == Kind::kDateTimeOffset;
  switch (output.part) {
    case Part::k100ns:
      if (output.type->id() != Type::INT8 || type.scale != 7 || (!is_moment && kind != Kind::kTime))
        break;
      step->digits = buffers;
      return {};
    case Part::kOffsetMinutes:
      if (output.type->id() != Type::INT16 || kind != Kind::kDateTimeOffset) break;
      step->minutes = buffers;
      return {};
    default:
      if (output.type->id() != Type::STRING || kind != Kind::kVariant) break;
      step->base = buffers;
      return {};
  }
  return NoConversion(*step->column, output);
}

// What the side columns of a step need of its value: that it lacks what they hold.
bool HasItsSides(const Step& step, const arrow::DataType& type) {
  if (step.digits != nullptr && type.id() != Type::TIMESTAMP && type.id() != Type::TIME64)
    return false;
  return step.minutes == nullptr || type.id() == Type::TIMESTAMP || type.id() == Type::INT64;
}

Status AddValue(const OutputColumn& output, Step* step) {
  step->decode = ChooseScalar(*output.type, step);
  if (step->decode == nullptr) step->decode = TRY(ChooseText(*output.type, step));
  if (step->decode == nullptr || !HasItsSides(*step, *output.type))
    return NoConversion(*step->column, output);
  return {};
}

bool IsSupported(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::BOOL:
    case Type::STRING:
    case Type::BINARY:
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
    case Type::LIST:
    case Type::INT8:
    case Type::UINT8:
    case Type::INT16:
    case Type::INT32:
    case Type::INT64:
    case Type::FLOAT:
    case Type::DOUBLE:
    case Type::DECIMAL128:
    case Type::DATE32:
    case Type::TIME64:
    case Type::TIMESTAMP:
    case Type::FIXED_SIZE_BINARY:
      return true;
    default:
      return false;
  }
}

Status MakeSteps(Decoding* decoding) {
  decoding->steps.resize(decoding->columns.size());
  for (std::size_t i = 0; i < decoding->columns.size(); ++i) {
    decoding->steps[i].column = &decoding->columns[i];
    decoding->steps[i].column_bytes = decoding->limits.column_bytes;
  }
  std::vector<const OutputColumn*> values(decoding->columns.size());
  for (std::size_t i = 0; i < decoding->outputs.size(); ++i) {
    const auto& output = decoding->outputs[i];
    if (output.result_column < 0 ||
        static_cast<std::size_t>(output.result_column) >= decoding->columns.size())
      return Fail(ErrorKind::kInvalid,
                  fmt::format("output column {} is of result column {} of {}", i,
                              output.result_column, decoding->columns.size()));
    auto& step = decoding->steps[static_cast<std::size_t>(output.result_column)];
    if (!IsSupported(*output.type)) return NoConversion(*step.column, output);
    decoding->buffers.push_back(MakeBuffers(output));
    auto* buffers = decoding->buffers.back().get();
    decoding->fixed_bytes_per_row += buffers->width();
    if (output.part != Part::kValue) {
      TRY(AddSide(output, buffers, &step));
      continue;
    }
    if (step.value != nullptr)
      return Fail(ErrorKind::kInvalid, Named(*step.column) + " is wanted twice");
    step.value = buffers;
    step.counts = &decoding->counts[i];
    values[static_cast<std::size_t>(output.result_column)] = &output;
  }
  for (std::size_t i = 0; i < decoding->steps.size(); ++i) {
    auto& step = decoding->steps[i];
    if (values[i] != nullptr) {
      TRY_WHILE(Named(*step.column), AddValue(*values[i], &step));
    } else if (step.digits != nullptr || step.minutes != nullptr || step.base != nullptr) {
      return Fail(ErrorKind::kInvalid, Named(*step.column) + " is wanted in part only");
    } else {
      step.decode = ChooseSkip(&step);
    }
  }
  return {};
}

}  // namespace

std::string Named(const ResultColumn& column) { return "column \"" + column.name + "\""; }

std::int64_t Decoding::bytes() const {
  std::int64_t sum = rows * fixed_bytes_per_row;
  for (const auto& column : buffers) sum += column->bytes_size();
  return sum;
}

Status Decoding::Grow(std::int64_t rows_wanted) {
  for (auto& column : buffers)
    if (!column->GrowRows(rows_wanted))
      return Fail(ErrorKind::kUnavailable, "memory ran out for a batch of rows");
  capacity = rows_wanted;
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> Decoding::TakeRows(bool keep_last) {
  std::vector<std::shared_ptr<arrow::ArrayData>> arrays;
  for (std::size_t i = 0; i < buffers.size(); ++i)
    arrays.push_back(TRY(buffers[i]->Finish(outputs[i].type, rows, keep_last)));
  return arrow::RecordBatch::Make(schema, std::exchange(rows, 0), std::move(arrays));
}

RowDecoder::RowDecoder(std::unique_ptr<Decoding> decoding) : decoding_(std::move(decoding)) {}
RowDecoder::RowDecoder(RowDecoder&&) noexcept = default;
RowDecoder& RowDecoder::operator=(RowDecoder&&) noexcept = default;
RowDecoder::~RowDecoder() = default;

Result<RowDecoder> RowDecoder::Make(std::vector<ResultColumn> columns,
                                    std::vector<OutputColumn> outputs,
                                    std::shared_ptr<arrow::Schema> schema, DecodeLimits limits) {
  auto decoding = std::make_unique<Decoding>();
  decoding->columns = std::move(columns);
  decoding->outputs = std::move(outputs);
  decoding->schema = std::move(schema);
  decoding->limits = limits;
  decoding->limits.rows = std::max<std::int64_t>(limits.rows, 1);
  decoding->limits.bytes = std::clamp<std::int64_t>(limits.bytes, 1, kBatchBytesMax);
  decoding->bytes_between_checks = std::min(kBytesBetweenChecks, decoding->limits.bytes / 8);
  decoding->counts.resize(decoding->outputs.size());
  decoding->nulls.resize((decoding->columns.size() + 7) / 8);
  if (static_cast<std::size_t>(decoding->schema->num_fields()) != decoding->outputs.size())
    return Fail(ErrorKind::kInvalid,
                fmt::format("{} output columns for a schema of {} fields", decoding->outputs.size(),
                            decoding->schema->num_fields()));
  TRY(MakeSteps(decoding.get()));
  for (std::size_t i = 0; i < decoding->outputs.size(); ++i)
    if (!decoding->schema->field(static_cast<int>(i))->type()->Equals(decoding->outputs[i].type))
      return Fail(ErrorKind::kInvalid,
                  fmt::format("output column {} is not of its field's type", i));
  const auto first_rows = kFirstBytes / std::max<std::int64_t>(decoding->fixed_bytes_per_row, 1);
  TRY(decoding->Grow(
      std::clamp<std::int64_t>(first_rows, 1, std::min(kFirstRows, decoding->limits.rows))));
  return RowDecoder(std::move(decoding));
}

namespace {

bool IsOutOfMemory(const Step& step) {
  for (const auto* buffers : {step.value, step.digits, step.minutes, step.base})
    if (buffers != nullptr && buffers->is_out_of_memory()) return true;
  return false;
}

Error OutOfMemory(const Step& step) {
  return {ErrorKind::kUnavailable, "memory ran out for " + Named(*step.column), {}};
}

Error NotAValue(const Step& step, std::string_view bytes) {
  if (IsOutOfMemory(step)) return OutOfMemory(step);
  return {ErrorKind::kCorrupt,
          fmt::format("{}: the server sends {} bytes that are no {}", Named(*step.column),
                      bytes.size(), Declaration(step.column->type)),
          {}};
}

// Of types whose values are short: a copy with room behind it, since decoders may look further than
// a value goes.
Status DecodeCopy(Decoding* decoding, const Step& step, Input& input) {
  std::uint8_t copy[256 + kOverread] = {};
  std::size_t before = 0, length = step.column->type.max_length;
  if (step.column->type.framing() == Framing::kByte) {
    TRY(input.Need(1));
    before = 1;
    length = *input.begin();
    if (length == 0 && step.value != nullptr && step.value->is_key()) return Fail(NullInKey(step));
  }
  TRY_WHILE(Named(*step.column), input.Need(before + length));
  std::memcpy(copy, input.begin(), before + length);
  const auto* next = step.decode(step, copy, copy + sizeof(copy), decoding->rows);
  if (next == nullptr || next != copy + before + length)
    return Fail(NotAValue(step, AsText(copy, length)));
  input.Skip(before + length);
  return {};
}

// Of types whose lengths have 2 or 4 bytes and which the window can hold.
template <class Length>
Status DecodeInWindow(Decoding* decoding, const Step& step, Input& input, Length null) {
  constexpr std::size_t kLongest = 64 << 10;
  TRY(input.Need(sizeof(Length)));
  const auto announced = Load<Length>(input.begin());
  const std::size_t length = announced == null ? 0 : announced;
  if (announced == null && step.value != nullptr && step.value->is_key())
    return Fail(NullInKey(step));
  if (length > kLongest)
    return Fail(ErrorKind::kCorrupt, fmt::format("{}: the server announces a value of {} bytes",
                                                 Named(*step.column), length));
  TRY_WHILE(Named(*step.column), input.Need(sizeof(Length) + length));
  const auto* next = step.decode(step, input.begin(), input.end(), decoding->rows);
  if (next == nullptr) return Fail(NotAValue(step, AsText(input.begin() + sizeof(Length), length)));
  input.Skip(static_cast<std::size_t>(next - input.begin()));
  return {};
}

}  // namespace

Error NullInKey(const Step& step) {
  if (IsOutOfMemory(step)) return OutOfMemory(step);
  return {
      ErrorKind::kCorrupt, Named(*step.column) + " is of the key, and the server sends NULL", {}};
}

Status DecodeSlowly(Decoding* decoding, const Step& step, Input& input) {
  decoding->is_check_due = true;
  switch (step.column->type.framing()) {
    case Framing::kFixed:
    case Framing::kByte:
      return DecodeCopy(decoding, step, input);
    case Framing::kShort:
      return DecodeInWindow<std::uint16_t>(decoding, step, input, 0xFFFF);
    case Framing::kVariant:
      return DecodeInWindow<std::uint32_t>(decoding, step, input, 0);
    case Framing::kPieces:
    case Framing::kTextPointer:
      return DecodeStream(decoding, step, input);
  }
  std::unreachable();
}

namespace {

// The values of a row after its token, of which the first is at `from`, and where the row ends in
// the window. Null: `failed` says why. No Result: one is made for every row.
const std::uint8_t* DecodeRow(Decoding* decoding, Input& input, const std::uint8_t* from,
                              Status* failed) {
  const auto* end = input.end();
  auto row = decoding->rows;
  for (const auto& step : decoding->steps) {
    const auto* next = step.decode(step, from, end, row);
    if (next == nullptr) [[unlikely]] {
      input.Skip(static_cast<std::size_t>(from - input.begin()));
      *failed = DecodeSlowly(decoding, step, input);
      if (!*failed) return nullptr;
      next = input.begin();
      end = input.end();
      row = decoding->rows;  // rows before this one may have gone
    }
    from = next;
  }
  return from;
}

// With a bit for each column that is NULL first.
const std::uint8_t* DecodeNbcRow(Decoding* decoding, Input& input, const std::uint8_t* from,
                                 Status* failed) {
  auto& nulls = decoding->nulls;
  if (static_cast<std::size_t>(input.end() - from) < nulls.size()) {
    input.Skip(static_cast<std::size_t>(from - input.begin()));
    *failed = input.Need(nulls.size());
    if (!*failed) return nullptr;
    from = input.begin();
    decoding->is_check_due = true;
  }
  std::copy_n(from, nulls.size(), nulls.begin());
  from += nulls.size();
  const auto* end = input.end();
  for (std::size_t i = 0; i < decoding->steps.size(); ++i) {
    const auto& step = decoding->steps[i];
    if (((nulls[i / 8] >> (i % 8)) & 1) != 0) {
      if (PutNulls(step, decoding->rows)) continue;
      *failed = Fail(NullInKey(step));
      return nullptr;
    }
    const auto* next = step.decode(step, from, end, decoding->rows);
    if (next == nullptr) [[unlikely]] {
      input.Skip(static_cast<std::size_t>(from - input.begin()));
      *failed = DecodeSlowly(decoding, step, input);
      if (!*failed) return nullptr;
      next = input.begin();
      end = input.end();
    }
    from = next;
  }
  return from;
}

}  // namespace

Result<bool> RowDecoder::Decode(Input& input) {
  auto& decoding = *decoding_;
  if (decoding.is_full()) return true;
  Status failed;
  const std::uint8_t* from = input.begin();
  const std::uint8_t* checked = from;
  while (true) {
    if (from == input.end()) {
      input.Skip(static_cast<std::size_t>(from - input.begin()));
      TRY(input.Need(1));
      from = input.begin();
      decoding.is_check_due = true;
    }
    const std::uint8_t token = *from;
    if (token != kTokenRow && token != kTokenNbcRow) break;
    from = token == kTokenRow ? DecodeRow(&decoding, input, from + 1, &failed)
                              : DecodeNbcRow(&decoding, input, from + 1, &failed);
    if (from == nullptr) return Fail(std::move(failed).error());
    ++decoding.rows;
    bool is_full = decoding.rows >= decoding.limits.rows;
    if (decoding.is_check_due || from - checked >= decoding.bytes_between_checks) {
      is_full = decoding.is_full();
      decoding.is_check_due = false;
      checked = from;
    }
    if (is_full) {
      input.Skip(static_cast<std::size_t>(from - input.begin()));
      return true;
    }
    if (decoding.rows == decoding.capacity)
      TRY(decoding.Grow(std::min(2 * decoding.capacity, decoding.limits.rows)));
  }
  input.Skip(static_cast<std::size_t>(from - input.begin()));
  return false;
}

Result<std::shared_ptr<arrow::RecordBatch>> RowDecoder::Finish() {
  if (decoding_->ready) return std::exchange(decoding_->ready, nullptr);
  if (decoding_->rows == 0) return nullptr;
  return decoding_->TakeRows(/*keep_last=*/false);
}

const std::vector<DecodeCounts>& RowDecoder::counts() const { return decoding_->counts; }

}  // namespace tidemark::tds
