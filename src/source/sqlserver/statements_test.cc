#include "source/sqlserver/statements.h"

#include <gtest/gtest.h>

#include "model/sql_text.h"

namespace tidemark::sqlserver {
namespace {

const TableRef kOrders{.schema = "dbo", .name = "orders"};

// A name can end neither the brackets nor the statement.
TEST(Brackets, HoldAnyName) {
  EXPECT_EQ(QuoteIdentifier("orders", '['), "[orders]");
  EXPECT_EQ(QuoteIdentifier("a]b; DROP TABLE t --", '['), "[a]]b; DROP TABLE t --]");
  EXPECT_EQ(QuoteIdentifier("[it's \"]]", '['), "[[it's \"]]]]]");
  EXPECT_EQ(QuoteIdentifier("", '['), "[]");
}

TEST(RowsText, ReadsAWholeTable) {
  EXPECT_EQ(
      RowsText({.table = kOrders,
                .columns = {{.name = "id"},
                            {.name = "at", .form = ColumnRef::Form::kText},
                            {.name = "place", .form = ColumnRef::Form::kWkb},
                            {.name = "place", .form = ColumnRef::Form::kSrid}}}),
      "SELECT [id], [at].ToString(), [place].AsBinaryZM(), [place].STSrid FROM [dbo].[orders]");
}

// Each range begins where the one before ends, also where the key's index is descending.
TEST(RowsText, ComparesKeysOfSeveralColumns) {
  RowsQuery query{.table = kOrders,
                  .columns = {{.name = "a"}},
                  .key = {{.name = "a"}, {.name = "b", .is_descending = true}},
                  .has_after = true,
                  .has_up_to = true,
                  .where = "x > 1 -- all"};
  EXPECT_EQ(RowsText(query),
            "SELECT [a] FROM [dbo].[orders] WHERE "
            "([a] > @p1 OR ([a] = @p1 AND [b] < @p2)) AND "
            "([a] < @p3 OR ([a] = @p3 AND [b] >= @p4)) AND (x > 1 -- all\n)");
  query.has_after = false;
  query.where.clear();
  EXPECT_EQ(RowsText(query),
            "SELECT [a] FROM [dbo].[orders] WHERE ([a] < @p1 OR ([a] = @p1 AND [b] >= @p2))");
}

TEST(BoundsText, CountsInTheOrderOfTheKey) {
  const std::vector<KeyRef> key = {{.name = "a", .is_descending = true}};
  EXPECT_EQ(BoundsText(kOrders, key),
            "SELECT [a] FROM (SELECT [a], ROW_NUMBER() OVER (ORDER BY [a] DESC) AS [tidemark_row] "
            "FROM [dbo].[orders]) AS r WHERE r.[tidemark_row] % @p1 = 0 ORDER BY [a] DESC");
}

// Whether a row is there decides; a key that may be spelt in two ways is spelt as the row does.
TEST(ChangesText, DecidesByTheRow) {
  ChangesQuery query{.table = kOrders,
                     .columns = {{.name = "id"}, {.name = "code"}, {.name = "total"}},
                     .key = {{.name = "id"}, {.name = "code", .is_text = true}},
                     .where = {}};
  EXPECT_EQ(ChangesText(query),
            "SELECT ct.SYS_CHANGE_VERSION, ct.SYS_CHANGE_CREATION_VERSION, "
            "CASE WHEN t.[id] IS NULL THEN CASE ct.SYS_CHANGE_OPERATION WHEN N'D' THEN N'D' "
            "ELSE N'?' END WHEN ct.SYS_CHANGE_OPERATION = N'I' THEN N'I' ELSE N'U' END, "
            "ct.[id], COALESCE(t.[code], ct.[code]), t.[total] "
            "FROM CHANGETABLE(CHANGES [dbo].[orders], @p1) AS ct "
            "LEFT OUTER JOIN [dbo].[orders] AS t ON t.[id] = ct.[id] AND t.[code] = ct.[code]");
}

// A row outside the condition is told apart from one that is not there.
TEST(ChangesText, AsksForTheConditionApart) {
  EXPECT_EQ(ChangesText({.table = kOrders,
                         .columns = {{.name = "id"}},
                         .key = {{.name = "id"}},
                         .where = "id > 5"}),
            "SELECT ct.SYS_CHANGE_VERSION, ct.SYS_CHANGE_CREATION_VERSION, "
            "CASE WHEN b.[id] IS NULL THEN CASE ct.SYS_CHANGE_OPERATION WHEN N'D' THEN N'D' "
            "ELSE N'?' END WHEN t.[id] IS NULL THEN N'D' "
            "WHEN ct.SYS_CHANGE_OPERATION = N'I' THEN N'I' ELSE N'U' END, ct.[id] "
            "FROM CHANGETABLE(CHANGES [dbo].[orders], @p1) AS ct "
            "LEFT OUTER JOIN [dbo].[orders] AS b ON b.[id] = ct.[id] "
            "LEFT OUTER JOIN (SELECT [id] FROM [dbo].[orders] WHERE (id > 5\n)) AS t "
            "ON t.[id] = ct.[id]");
}

// Many tables are one question.
TEST(ChangedTablesText, AsksForAllAtOnce) {
  const std::vector<TableRef> tables = {kOrders, {.schema = "o]d", .name = "x'y"}};
  EXPECT_EQ(ChangedTablesText(tables),
            "SELECT 0 WHERE EXISTS (SELECT 1 FROM CHANGETABLE(CHANGES [dbo].[orders], @p1) AS ct) "
            "UNION ALL "
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM CHANGETABLE(CHANGES [o]]d].[x'y], @p2) AS ct)");
}

// An older server is not asked for what its catalog does not have.
TEST(TablesText, FollowsTheServersVersion) {
  EXPECT_TRUE(TablesText({.major_version = 16}).contains("t.is_node, t.is_edge"));
  EXPECT_TRUE(TablesText({.major_version = 12, .is_evergreen = true}).contains("t.is_node"));
  EXPECT_FALSE(TablesText({.major_version = 13}).contains("is_node"));
  EXPECT_FALSE(TablesText({.major_version = 12}).contains("temporal_type"));
  EXPECT_FALSE(ColumnsText({.major_version = 12}).contains("is_masked"));
}

TEST(Administration, QuotesWhatItNames) {
  EXPECT_EQ(EnableDatabaseText("sh]op", 7),
            "ALTER DATABASE [sh]]op] SET CHANGE_TRACKING = ON "
            "(CHANGE_RETENTION = 7 DAYS, AUTO_CLEANUP = ON)");
  EXPECT_EQ(GrantText("VIEW CHANGE TRACKING", kOrders, "sync"),
            "GRANT VIEW CHANGE TRACKING ON [dbo].[orders] TO [sync]");
}

}  // namespace
}  // namespace tidemark::sqlserver
