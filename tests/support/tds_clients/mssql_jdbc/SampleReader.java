import com.microsoft.sqlserver.jdbc.SQLServerResultSet;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.sql.Types;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.HexFormat;
import java.util.StringJoiner;

/**
 * Reads samples with mssql-jdbc: SampleReader HOST PORT plain|tls|strict TRUST_STORE
 *
 * <p>Standard input has a sample's name on each line; standard output gets a line of JSON for each. The name "echo"
 * sends parameters, three times (as they are, prepared, by the handle), and shows what comes back.
 */
public final class SampleReader {
  private static String quoted(String text) {
    if (text == null) return "null";
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c < ' ' || c == '"' || c == '\\' || c > '~') out.append(String.format("\\u%04x", (int) c));
      else out.append(c);
    }
    return out.append('"').toString();
  }

  private static String bytes(byte[] value) {
    return value == null ? null : "0x" + HexFormat.of().formatHex(value);
  }

  /** The value by the Java type that holds all of it. */
  private static String text(ResultSet rows, String kind) throws Exception {
    Object value = rows.getObject(2);
    if (value == null) return null;
    switch (kind) {
      case "date":
        return String.valueOf(rows.getObject(2, LocalDate.class));
      case "time":
        return String.valueOf(rows.getObject(2, LocalTime.class));
      case "datetime":
      case "datetime2":
      case "smalldatetime":
        return rows.getObject(2, LocalDateTime.class).toString().replace('T', ' ');
      case "datetimeoffset":
        return ((SQLServerResultSet) rows).getDateTimeOffset(2).getOffsetDateTime().toString().replace('T', ' ');
      case "vector":
        value = rows.getObject(2, microsoft.sql.Vector.class);
        break;
      default:
        break;
    }
    if (value instanceof java.sql.Time time) { // of a sql_variant: milliseconds are all there is
      return String.valueOf(LocalTime.ofInstant(Instant.ofEpochMilli(time.getTime()), ZoneId.systemDefault()));
    }
    if (value instanceof BigDecimal decimal) return decimal.toPlainString();
    if (value instanceof Boolean bit) return bit ? "1" : "0";
    if (value instanceof byte[] raw) return bytes(raw);
    if (value instanceof microsoft.sql.Vector vector) {
      StringJoiner numbers = new StringJoiner(",", "[", "]");
      for (Object number : vector.getData()) numbers.add(String.valueOf(number));
      return numbers.toString();
    }
    if (value instanceof com.microsoft.sqlserver.jdbc.Geometry || value instanceof com.microsoft.sqlserver.jdbc.Geography) {
      return bytes(rows.getBytes(2));
    }
    return value.toString();
  }

  private static String read(Connection connection, String sample) {
    StringJoiner values = new StringJoiner(",", "[", "]");
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("SELECT id, v FROM sample." + sample)) {
      String kind = rows.getMetaData().getColumnTypeName(2);
      while (rows.next()) values.add(quoted(text(rows, kind)));
    } catch (Exception error) {
      return "{\"sample\":" + quoted(sample) + ",\"error\":" + quoted(String.valueOf(error)) + "}";
    }
    return "{\"sample\":" + quoted(sample) + ",\"values\":" + values + "}";
  }

  private static String echo(Connection connection) {
    Object[] sent = {7, -(1L << 40), "日本 😀 it's", "", new byte[] {0, -1}, 0.1, "x".repeat(9000), null};
    StringJoiner values = null;
    try (PreparedStatement statement = connection.prepareStatement("SELECT ?, ?, ?, ?, ?, ?, ?, ?")) {
      for (int time = 0; time < 3; ++time) {
        for (int i = 0; i < sent.length; ++i) {
          if (sent[i] == null) statement.setNull(i + 1, Types.NVARCHAR);
          else statement.setObject(i + 1, sent[i]);
        }
        values = new StringJoiner(",", "[", "]");
        try (ResultSet rows = statement.executeQuery()) {
          rows.next();
          for (int i = 1; i <= sent.length; ++i) {
            Object value = rows.getObject(i);
            values.add(quoted(value == null ? null : value instanceof byte[] raw ? bytes(raw) : value.toString()));
          }
        }
      }
    } catch (Exception error) {
      return "{\"sample\":\"echo\",\"error\":" + quoted(String.valueOf(error)) + "}";
    }
    return "{\"sample\":\"echo\",\"values\":" + values + "}";
  }

  public static void main(String[] words) throws Exception {
    String encryption = switch (words[2]) {
      case "plain" -> "encrypt=false";
      case "tls" -> "encrypt=true;hostNameInCertificate=localhost;trustStorePassword=secret;trustStore=" + words[3];
      default -> "encrypt=strict;hostNameInCertificate=localhost;trustStorePassword=secret;trustStore=" + words[3];
    };
    String url = "jdbc:sqlserver://" + words[0] + ":" + words[1] + ";databaseName=db1;user=sa;password=secret;" + encryption;
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    try (Connection connection = DriverManager.getConnection(url)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        out.println(line.equals("echo") ? echo(connection) : read(connection, line));
      }
    }
  }
}
