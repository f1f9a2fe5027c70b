/* What FreeTDS' db-lib spends on rows: tds_dblib_bench SECTION SQL prints a line of JSON as
 * tds_read_bench does. Each value is only looked at (dbdata, dbdatlen): whoever builds columns of
 * them pays for that as well. */
#include <stdio.h>
#include <sybdb.h>
#include <sybfront.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

static int OnError(DBPROCESS* process, int severity, int number, int os_error, char* text,
                   char* os_text) {
  (void)process, (void)severity, (void)os_error, (void)os_text;
  fprintf(stderr, "%d: %s\n", number, text);
  return INT_CANCEL;
}

static double Wall(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double Processor(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
         (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

int main(int count, char** words) {
  if (count != 3 || dbinit() == FAIL) return 2;
  dberrhandle(OnError);
  LOGINREC* login = dblogin();
  DBSETLUSER(login, "sa");
  DBSETLPWD(login, "secret");
  DBSETLCHARSET(login, "UTF-8");
  DBSETLPACKET(login, 32767);
  DBSETLVERSION(login, DBVERSION_74);
  DBPROCESS* process = dbopen(login, words[1]);
  if (process == NULL) return 1;
  double wall = Wall(), processor = Processor();
  long rows = 0;
  unsigned long seen = 0;
  dbcmd(process, words[2]);
  if (dbsqlexec(process) == FAIL) return 1;
  while (dbresults(process) == SUCCEED) {
    int columns = dbnumcols(process);
    while (dbnextrow(process) == REG_ROW) {
      ++rows;
      for (int i = 1; i <= columns; ++i)
        seen += dbdata(process, i) == NULL ? 0 : (unsigned long)dbdatlen(process, i);
    }
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("{\"seconds\":%.6f,\"processor\":%.6f,\"rows\":%ld,\"bytes\":%lu,\"peak_kib\":%ld}\n",
         Wall() - wall, Processor() - processor, rows, seen, usage.ru_maxrss);
  dbexit();
  return 0;
}
