#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "source/sqlite/page_reader.h"
#include "source/sqlite/read_rows.h"

namespace tidemark::sqlite {

// Whether rows of such a table can be read from pages at all; the state may still forbid it.
bool CanReadPages(const CatalogTable& catalog);

// Rows from pages: what OpenSqlRows gives, batch boundaries included, several times faster. `range`
// must not be one of keys. Next: as there, and kUnsupported: this slice must be read by SQL, from
// position() on (see RangeBehind); what came so far is right.
class PageRowStream : public RowStream {
 public:
  // Goes on with the same rows through another reader: of the same transaction, or of a copy of the
  // same state with the same pages. The old one may be destroyed afterwards.
  virtual void MoveTo(PageReader& reader) = 0;
};

// The reader must outlive the stream or its MoveTo, and serve no other stream meanwhile.
// kUnsupported: not this table.
Result<std::unique_ptr<PageRowStream>> OpenPageRows(PageReader& reader, const RowRequest& request);

// From pages if they can be read, going over to SQL by itself where they cannot. `connection` is in
// the transaction that `reader` was made in; null: SQL alone.
Result<std::unique_ptr<RowStream>> OpenRows(Connection& connection, PageReader* reader,
                                            const RowRequest& request);

// Ranges of about `target_rows` rows that cover every rowid once, in order; at least one.
// kUnsupported: split by SQL.
Result<std::vector<RowidRange>> SplitByPages(PageReader& reader, std::int64_t root_page,
                                             std::int64_t target_rows);

// About how many rows there are, from some tens of pages whatever the size of the table.
// kUnsupported: ask SQL.
Result<std::int64_t> EstimateByPages(PageReader& reader, std::int64_t root_page);
// The same of a table WITHOUT ROWID, which is one index, from a page of each level.
Result<std::int64_t> EstimateIndexByPages(PageReader& reader, std::int64_t root_page);

// Leaf pages of a table's tree from the one that would hold `first` on, in order of rowids.
class LeafWalk {
 public:
  LeafWalk(PageReader& reader, std::uint32_t root_page, std::int64_t first)
      : reader_(&reader), root_page_(root_page), first_(first) {}

  struct Leaf {
    const std::uint8_t* page;    // the whole page; null: no more leaves
    std::uint32_t header_bytes;  // where its b-tree header begins: 100 on page 1
    std::uint32_t cells;
  };
  // Valid until the next call. kUnsupported: the tree is not as it should be.
  Result<Leaf> Next();

 private:
  struct Level {
    std::vector<std::uint32_t> children;
    std::size_t next = 0;
  };
  Result<Leaf> Descend();
  Result<Leaf> Take(const std::uint8_t* page, std::uint32_t number);
  Status Open(const std::uint8_t* page, std::uint32_t number, bool is_first_descent);

  PageReader* reader_;
  std::uint32_t root_page_;
  std::int64_t first_;
  std::vector<Level> levels_;  // interior pages from the root down
  std::size_t depth_ = 0;      // of the leaves, once known
  bool has_begun_ = false;
};

}  // namespace tidemark::sqlite
