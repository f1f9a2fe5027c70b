// Reads samples with go-mssqldb: go_mssqldb HOST PORT plain|tls|strict CERTIFICATE
//
// Standard input has a sample's name on each line; standard output gets a line of JSON for each. The
// name "echo" sends parameters and shows what comes back.
package main

import (
	"bufio"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

type answer struct {
	Sample string    `json:"sample"`
	Values []*string `json:"values,omitempty"`
	Error  string    `json:"error,omitempty"`
}

func text(value any, kind string) *string {
	var shown string
	switch v := value.(type) {
	case nil:
		return nil
	case bool:
		shown = map[bool]string{true: "1", false: "0"}[v]
	case int64:
		shown = strconv.FormatInt(v, 10)
	case float64:
		shown = strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		shown = v
	case time.Time:
		shown = v.Format("2006-01-02 15:04:05.0000000 -07:00")
	case []byte:
		switch kind {
		case "DECIMAL", "MONEY", "SMALLMONEY":
			shown = string(v)
		case "UNIQUEIDENTIFIER":
			var guid mssql.UniqueIdentifier
			if err := guid.Scan(v); err != nil {
				shown = err.Error()
			} else {
				shown = guid.String()
			}
		case "SQL_VARIANT":
			shown = "bytes:" + hex.EncodeToString(v)
		default:
			shown = "0x" + hex.EncodeToString(v)
		}
	default:
		shown = fmt.Sprintf("%v", v)
	}
	return &shown
}

func read(database *sql.DB, sample string) ([]*string, error) {
	rows, err := database.Query("SELECT id, v FROM sample." + sample)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	values := []*string{}
	for rows.Next() {
		var id int64
		var value any
		if err := rows.Scan(&id, &value); err != nil {
			return nil, err
		}
		values = append(values, text(value, types[1].DatabaseTypeName()))
	}
	return values, rows.Err()
}

func echo(database *sql.DB) ([]*string, error) {
	sent := []any{int64(7), int64(-1 << 40), "日本 😀 it's", "", []byte{0, 255}, 0.1, strings.Repeat("x", 9000), nil}
	statement, err := database.Prepare("SELECT @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8")
	if err != nil {
		return nil, err
	}
	defer statement.Close()
	var values []*string
	for time := 0; time < 3; time++ {
		values = nil
		read := make([]any, len(sent))
		places := make([]any, len(sent))
		for i := range read {
			places[i] = &read[i]
		}
		if err := statement.QueryRow(sent...).Scan(places...); err != nil {
			return nil, err
		}
		for _, value := range read {
			values = append(values, text(value, ""))
		}
	}
	return values, nil
}

func main() {
	host, port, mode, certificate := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	encryption := map[string]string{
		"plain":  "encrypt=disable",
		"tls":    "encrypt=true&hostNameInCertificate=localhost&certificate=" + certificate,
		"strict": "encrypt=strict&hostNameInCertificate=localhost&certificate=" + certificate,
	}[mode]
	database, err := sql.Open("sqlserver", fmt.Sprintf("sqlserver://sa:secret@%s:%s?database=db1&%s", host, port, encryption))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		said := answer{Sample: lines.Text()}
		if said.Sample == "echo" {
			said.Values, err = echo(database)
		} else {
			said.Values, err = read(database, said.Sample)
		}
		if err != nil {
			said.Error = err.Error()
		}
		line, _ := json.Marshal(said)
		fmt.Println(string(line))
	}
}
