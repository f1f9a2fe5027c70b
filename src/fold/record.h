#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>

#include "fold/partition.h"
#include "fold/row_hash.h"

namespace tidemark {

// What partitions hold of one row: a head of fixed size, then the payload.
struct Record {
  Hash128 key, row;
  std::int64_t version = 0;
  std::uint32_t rank = 0;      // of the row's file, in order of timestamp; below 2^30
  char operation = 0;          // I U D L
  std::uint32_t key_size = 0;  // of the payload's beginning
  std::string_view payload;    // the key's bytes, or the whole row's
};

// Which members the records of one set have: tables are large, so that nothing is kept in vain. The
// key hash is always there.
class RecordShape {
 public:
  struct Members {
    bool row = false, order = false, key_size = false, payload = false;
  };
  static constexpr std::size_t kHeadMax = 16 + 16 + 8 + 4 + 4 + 4;

  RecordShape() = default;
  explicit RecordShape(Members members) : has_(members) {
    head_bytes_ = sizeof(Hash128) + (has_.row ? sizeof(Hash128) : 0) + (has_.order ? 12 : 0) +
                  (has_.key_size ? 4 : 0) + (has_.payload ? 4 : 0);
  }
  std::size_t head_bytes() const { return head_bytes_; }

  // `payload_bytes`: what will follow, whatever the record's payload is.
  std::string_view WriteHead(const Record& record, std::size_t payload_bytes,
                             char (&head)[kHeadMax]) const {
    char* out = Put(head, record.key);
    if (has_.row) out = Put(out, record.row);
    if (has_.order) {
      out = Put(out, record.version);
      out = Put(out, record.rank << 2 | OperationCode(record.operation));
    }
    if (has_.key_size) out = Put(out, record.key_size);
    if (has_.payload) Put(out, static_cast<std::uint32_t>(payload_bytes));
    return {head, head_bytes_};
  }

  // The head at `in`; the size of the payload after it.
  std::size_t ReadHead(const char* in, Record& record) const {
    in = Get(in, record.key);
    if (has_.row) in = Get(in, record.row);
    if (has_.order) {
      std::uint32_t order = 0;
      in = Get(in, record.version);
      in = Get(in, order);
      record.rank = order >> 2;
      record.operation = "IUDL"[order & 3];
    }
    std::uint32_t size = 0;
    if (has_.key_size) in = Get(in, record.key_size);
    if (has_.payload) Get(in, size);
    if (!has_.key_size) record.key_size = size;
    return size;
  }

 private:
  template <class T>
  static char* Put(char* out, const T& value) {
    std::memcpy(out, &value, sizeof value);
    return out + sizeof value;
  }
  template <class T>
  static const char* Get(const char* in, T& value) {
    std::memcpy(&value, in, sizeof value);
    return in + sizeof value;
  }
  static std::uint32_t OperationCode(char operation) {
    return operation == 'I' ? 0 : operation == 'U' ? 1 : operation == 'D' ? 2 : 3;
  }

  Members has_;
  std::size_t head_bytes_ = sizeof(Hash128);
};

// The records of one partition in the order they were added.
class RecordReader {
 public:
  RecordReader(const RecordShape& shape, const Partitions& partitions, int partition)
      : shape_(shape), reader_(partitions, partition) {}

  // False: no more. The payload is good until the next call.
  Result<bool> Next(Record& record) {
    reader_.Skip(bytes_);
    bytes_ = 0;
    if (!TRY(reader_.Need(shape_.head_bytes()))) return false;
    auto payload_bytes = shape_.ReadHead(reader_.data(), record);
    bytes_ = shape_.head_bytes() + payload_bytes;
    if (payload_bytes > 0) TRY(reader_.Need(bytes_));
    record.payload = {reader_.data() + shape_.head_bytes(), payload_bytes};
    return true;
  }

 private:
  const RecordShape shape_;
  Partitions::Reader reader_;
  std::size_t bytes_ = 0;  // of the record given last
};

// Which of a level's partitions a key belongs to: each level of splitting looks at further bits.
struct PartitionLevel {
  int bits = 0;   // log2 of the number of partitions
  int shift = 0;  // below the bits of the levels before
  int Of(const Hash128& key) const { return static_cast<int>(key.high << shift >> (64 - bits)); }
};

}  // namespace tidemark
