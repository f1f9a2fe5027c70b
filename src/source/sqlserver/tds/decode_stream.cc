#include <fmt/format.h>

#include "source/sqlserver/tds/decode_state.h"

namespace tidemark::tds {
namespace {

constexpr std::uint64_t kNullPieces = UINT64_MAX;
constexpr std::uint64_t kUnknownLength = UINT64_MAX - 1;
// The server's own limit.
constexpr std::uint64_t kLengthMax = INT32_MAX;
// So much is converted between two looks at the limits.
constexpr std::size_t kPieceMax = 64 << 10;

// Where the pieces of one value go. Characters may be cut anywhere: what is no whole one yet waits
// for the next piece.
class ValueStream {
 public:
  ValueStream(Decoding* decoding, const Step& step) : decoding_(decoding), step_(step) {}

  // So many bytes off the input.
  Status Take(Input& input, std::uint64_t bytes) {
    while (bytes > 0) {
      TRY(input.Need(1));
      const auto piece = std::min<std::uint64_t>({bytes, input.size(), kPieceMax});
      if (step_.value != nullptr) TRY(Put(AsText(input.begin(), piece)));
      input.Skip(piece);
      taken_ += piece;
      bytes -= piece;
    }
    return {};
  }

  Status End() {
    if (step_.encoding == Encoding::kUtf16 && taken_ % 2 != 0)
      return Fail(ErrorKind::kCorrupt, fmt::format("{}: the server sends {} bytes of UTF-16",
                                                   Named(*step_.column), taken_));
    if (step_.value == nullptr) return {};
    TRY(Convert({waiting_, waiting_size_}, /*is_last=*/true));
    step_.value->EndValue(decoding_->rows, 0);
    return {};
  }

 private:
  Status Put(std::string_view piece) {
    if (step_.encoding == Encoding::kNone) return Copy(piece);
    while (waiting_size_ > 0 && !piece.empty()) {
      waiting_[waiting_size_++] = piece.front();
      piece.remove_prefix(1);
      const auto taken = TRY(Convert({waiting_, waiting_size_}, /*is_last=*/false));
      waiting_size_ -= taken;
      std::memmove(waiting_, waiting_ + taken, waiting_size_);
    }
    if (piece.empty()) return {};
    const auto taken = TRY(Convert(piece, /*is_last=*/false));
    waiting_size_ = piece.size() - taken;
    TIDEMARK_CHECK(waiting_size_ < sizeof(waiting_));
    std::memcpy(waiting_, piece.data() + taken, waiting_size_);
    return {};
  }

  Status Copy(std::string_view piece) {
    char* room = TRY(Room(piece.size()));
    std::memcpy(room, piece.data(), piece.size());
    return Keep(piece.size());
  }

  Result<std::size_t> Convert(std::string_view piece, bool is_last) {
    if (step_.encoding == Encoding::kNone || piece.empty()) return piece.size();
    char* room = TRY(Room(piece.size() * kUtf8PerByte));
    TextFaults faults;
    const auto converted = ConvertPiece(step_, piece, room, is_last, &faults);
    step_.counts->lone_surrogates += faults.lone_surrogates;
    step_.counts->undecodable_bytes += faults.undecodable_bytes;
    TRY(Keep(converted.written));
    return converted.taken;
  }

  // Where the column's ends have 32 bits, the rows before this one may have to go first.
  Result<char*> Room(std::size_t bytes) {
    const auto more = static_cast<std::int64_t>(bytes);
    if (step_.value->has_32_bit_ends() && decoding_->rows > 0 &&
        step_.value->bytes_size() + more > decoding_->limits.column_bytes)
      decoding_->ready = TRY(decoding_->TakeRows(/*keep_last=*/true));
    char* room = step_.value->Room(more);
    if (room == nullptr)
      return Fail(ErrorKind::kUnavailable, "memory ran out for " + Named(*step_.column));
    return room;
  }

  Status Keep(std::size_t bytes) {
    step_.value->Keep(static_cast<std::int64_t>(bytes));
    if (step_.value->size_of_value(decoding_->rows) <= decoding_->limits.column_bytes) return {};
    return Fail(ErrorKind::kUnsupported,
                fmt::format("{}: a value has more than {} bytes in UTF-8", Named(*step_.column),
                            decoding_->limits.column_bytes),
                "leave the column out, or shorten it in a view");
  }

  Decoding* decoding_;
  const Step& step_;
  std::uint64_t taken_ = 0;
  char waiting_[8];
  std::size_t waiting_size_ = 0;
};

Status CheckAnnounced(const Step& step, std::uint64_t bytes) {
  if (bytes <= kLengthMax) return {};
  return Fail(ErrorKind::kCorrupt, fmt::format("{}: the server announces a value of {} bytes",
                                               Named(*step.column), bytes));
}

Status PutNullOf(Decoding* decoding, const Step& step) {
  if (PutNulls(step, decoding->rows)) return {};
  return Fail(NullInKey(step));
}

Status DecodePieces(Decoding* decoding, const Step& step, Input& input) {
  Fields fields(&input);
  const auto total = TRY(fields.Read<std::uint64_t>());
  if (total == kNullPieces) return PutNullOf(decoding, step);
  if (total != kUnknownLength) TRY(CheckAnnounced(step, total));
  ValueStream stream(decoding, step);
  std::uint64_t sum = 0;
  while (true) {
    const auto piece = TRY(fields.Read<std::uint32_t>());
    if (piece == 0) break;
    sum += piece;
    TRY(CheckAnnounced(step, sum));
    TRY(stream.Take(input, piece));
  }
  if (total != kUnknownLength && total != sum)
    return Fail(ErrorKind::kCorrupt,
                fmt::format("{}: the server announces a value of {} bytes and sends {}",
                            Named(*step.column), total, sum));
  return stream.End();
}

Status DecodeTextPointer(Decoding* decoding, const Step& step, Input& input) {
  Fields fields(&input);
  const auto pointer = TRY(fields.Read<std::uint8_t>());
  if (pointer == 0) return PutNullOf(decoding, step);
  TRY(input.Need(pointer + std::size_t{8}));  // a time stamp follows the pointer
  input.Skip(pointer + std::size_t{8});
  const auto length = TRY(fields.Read<std::uint32_t>());
  TRY(CheckAnnounced(step, length));
  ValueStream stream(decoding, step);
  TRY(stream.Take(input, length));
  return stream.End();
}

}  // namespace

Status DecodeStream(Decoding* decoding, const Step& step, Input& input) {
  return step.column->type.framing() == Framing::kPieces ? DecodePieces(decoding, step, input)
                                                         : DecodeTextPointer(decoding, step, input);
}

}  // namespace tidemark::tds
