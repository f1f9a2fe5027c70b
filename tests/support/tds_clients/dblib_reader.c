/* Reads samples with FreeTDS' db-lib: dblib_reader SECTION [digest], where FREETDSCONF names the
 * file that has it. "digest" shows of each value only its length and a hash, and how much memory
 * the process took at most.
 *
 * Standard input has a sample's name on each line; standard output gets a line of JSON for each.
 * Values are shown from db-lib's own structures: it converts nothing here, so that what is compared
 * is what came over the wire. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sybdb.h>
#include <sybfront.h>

static char problem[300];
static int is_digest;

static int OnError(DBPROCESS* process, int severity, int number, int os_error, char* text,
                   char* os_text) {
  (void)process, (void)os_error, (void)os_text;
  /* 2403: a character that the client's set lacks; the value has a question mark then. */
  if (severity > 1 || number == 2403) snprintf(problem, sizeof problem, "%d: %s", number, text);
  return INT_CANCEL;
}

static int OnMessage(DBPROCESS* process, DBINT number, int state, int severity, char* text,
                     char* server, char* procedure, int line) {
  (void)process, (void)state, (void)server, (void)procedure, (void)line;
  if (severity > 10) snprintf(problem, sizeof problem, "%ld: %s", (long)number, text);
  return 0;
}

static void PrintQuoted(const unsigned char* text, size_t size) {
  putchar('"');
  for (size_t i = 0; i < size; ++i) {
    if (text[i] < 0x20 || text[i] == '"' || text[i] == '\\') {
      printf("\\u%04x", text[i]);
    } else {
      putchar(text[i]);
    }
  }
  putchar('"');
}

static void PrintHex(const unsigned char* data, size_t size) {
  printf("\"0x");
  for (size_t i = 0; i < size; ++i) printf("%02x", data[i]);
  putchar('"');
}

/* Days since 1900-01-01 as a date of the Gregorian calendar, which db-lib's own functions do not
 * give for year 1. */
static void PrintDay(long days) {
  long z = days + 693595 + 306;
  long era = z / 146097, of_era = z - era * 146097;
  long year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  long of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  long month = (5 * of_year + 2) / 153;
  long day = of_year - (153 * month + 2) / 5 + 1;
  month = month < 10 ? month + 3 : month - 9;
  printf("%04ld-%02ld-%02ld", year_of_era + era * 400 + (month <= 2), month, day);
}

static void PrintClock(unsigned long long ticks, int digits) {
  unsigned long long seconds = ticks / 10000000;
  printf("%02llu:%02llu:%02llu", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (digits) printf(".%0*llu", digits, digits == 7 ? ticks % 10000000 : ticks % 10000000 / 10000);
}

static void PrintNumeric(const DBNUMERIC* number) {
  /* Long division of the big-endian magnitude by ten, digit by digit. */
  unsigned char rest[33], digits[80];
  /* The magnitude takes as many bytes as its precision needs; what stands behind them is nothing.
   */
  int count = 0, length = 1 + ((int)(number->precision * 3.321928094887362) + 8) / 8;
  memcpy(rest, number->array, 33);
  rest[0] = 0;
  for (int left = 1; left;) {
    unsigned carry = 0;
    left = 0;
    for (int i = 0; i < length; ++i) {
      unsigned value = carry * 256 + rest[i];
      rest[i] = (unsigned char)(value / 10);
      carry = value % 10;
      left |= rest[i];
    }
    digits[count++] = (unsigned char)('0' + carry);
  }
  while (count <= number->scale) digits[count++] = '0';
  printf("\"%s", number->array[0] ? "-" : "");
  while (count) {
    putchar(digits[--count]);
    if (count == number->scale && count) putchar('.');
  }
  putchar('"');
}

static void PrintMoney(long long units) {
  unsigned long long size = units < 0 ? 0 - (unsigned long long)units : (unsigned long long)units;
  printf("\"%s%llu.%04llu\"", units < 0 ? "-" : "", size / 10000, size % 10000);
}

static void PrintMoment(int type, const DBDATETIMEALL* all) {
  putchar('"');
  if (type != SYBMSTIME) PrintDay((long)all->date);
  if (type == SYBMSDATETIME2 || type == SYBMSDATETIMEOFFSET) putchar(' ');
  if (type != SYBMSDATE) PrintClock(all->time, 7);
  if (type == SYBMSDATETIMEOFFSET) {
    /* Date and time are UTC; the offset stands beside them. */
    printf("Z%+d", (int)all->offset);
  }
  putchar('"');
}

/* FNV-1a, which tds_dump computes as well. */
static void PrintDigest(const unsigned char* data, size_t size) {
  unsigned long long hash = 14695981039346656037ULL;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ data[i]) * 1099511628211ULL;
  printf("\"%zu %016llx\"", size, hash);
}

static void PrintValue(DBPROCESS* process, int column) {
  const unsigned char* data = dbdata(process, column);
  int type = dbcoltype(process, column);
  size_t size = (size_t)dbdatlen(process, column);
  if (data == NULL) {
    printf("null");
    return;
  }
  if (is_digest) {
    PrintDigest(data, size);
    return;
  }
  union {
    short s;
    int i;
    long long l;
    float f;
    double d;
    DBMONEY m;
    DBDATETIME t;
    DBDATETIME4 t4;
    DBNUMERIC n;
    DBDATETIMEALL a;
  } value;
  if (size <= sizeof value) memcpy(&value, data, size);
  switch (type) {
    case SYBBIT:
    case SYBINT1:
      printf("\"%d\"", data[0]);
      return;
    case SYBINT2:
      printf("\"%d\"", value.s);
      return;
    case SYBINT4:
      printf("\"%d\"", value.i);
      return;
    case SYBINT8:
      printf("\"%lld\"", value.l);
      return;
    case SYBREAL:
      printf("\"%.9g\"", value.f);
      return;
    case SYBFLT8:
      printf("\"%.17g\"", value.d);
      return;
    case SYBMONEY4:
      PrintMoney(value.i);
      return;
    case SYBMONEY:
      PrintMoney(
          (long long)(((unsigned long long)(unsigned)value.m.mnyhigh << 32) | value.m.mnylow));
      return;
    case SYBNUMERIC:
    case SYBDECIMAL:
      PrintNumeric(&value.n);
      return;
    case SYBMSDATE:
    case SYBMSTIME:
    case SYBMSDATETIME2:
    case SYBMSDATETIMEOFFSET:
      PrintMoment(type, &value.a);
      return;
    case SYBDATETIME:
      putchar('"');
      PrintDay(value.t.dtdays);
      printf(" +%d/300\"", value.t.dttime);
      return;
    case SYBDATETIME4:
      putchar('"');
      PrintDay(value.t4.days);
      printf(" %02d:%02d:00\"", value.t4.minutes / 60, value.t4.minutes % 60);
      return;
    case SYBCHAR:
    case SYBVARCHAR:
    case SYBTEXT:
    case SYBNTEXT:
      PrintQuoted(data, size);
      return;
    default:
      PrintHex(data, size);
      return;
  }
}

static DBPROCESS* Connect(LOGINREC* login, const char* section) {
  DBPROCESS* process = dbopen(login, section);
  if (process == NULL) {
    fprintf(stderr, "%s\n", problem);
    exit(1);
  }
  return process;
}

static long PeakKib(void) {
  FILE* status = fopen("/proc/self/status", "r");
  char line[200];
  long kib = 0;
  while (status != NULL && fgets(line, sizeof line, status)) sscanf(line, "VmHWM: %ld", &kib);
  if (status != NULL) fclose(status);
  return kib;
}

static void Read(DBPROCESS* process, const char* sample) {
  problem[0] = 0;
  printf("{\"sample\":\"%s\",\"values\":[", sample);
  dbfcmd(process, "SELECT id, v FROM sample.%s", sample);
  int count = 0;
  if (dbsqlexec(process) == SUCCEED && dbresults(process) == SUCCEED) {
    while (dbnextrow(process) == REG_ROW) {
      for (int column = 2; column <= dbnumcols(process); ++column) {
        if (count++) putchar(',');
        PrintValue(process, column);
      }
    }
    while (dbresults(process) == SUCCEED) dbcanquery(process);
  }
  printf("]");
  if (problem[0]) {
    printf(",\"error\":");
    PrintQuoted((const unsigned char*)problem, strlen(problem));
  }
  printf(",\"peak_kib\":%ld}\n", PeakKib());
  fflush(stdout);
}

int main(int count, char** words) {
  if (count < 2 || dbinit() == FAIL) return 2;
  is_digest = count > 2 && strcmp(words[2], "digest") == 0;
  dberrhandle(OnError);
  dbmsghandle(OnMessage);
  LOGINREC* login = dblogin();
  DBSETLUSER(login, "sa");
  DBSETLPWD(login, "secret");
  DBSETLDBNAME(login, "db1");
  DBSETLCHARSET(login, "UTF-8");
  DBSETLVERSION(login, DBVERSION_74);
  DBPROCESS* process = Connect(login, words[1]);
  char line[300];
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    if (dbdead(process)) {
      dbclose(process);
      process = Connect(login, words[1]);
    }
    Read(process, line);
  }
  dbexit();
  return 0;
}
