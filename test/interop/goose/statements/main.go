// Prints the statements that Goose finds in files, a JSON object a line:
//
//	statements FILE...   {"file", "up": {...}, "down": {...}}
//
// where a direction is {"statements": [...], "transaction": true} or
// {"error": "..."}.  The parser is internal to Goose, so this is built as one of
// its own commands (see scripts/tools).
package main

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3/internal/sqlparser"
)

type direction struct {
	Statements  []string `json:"statements"`
	Transaction bool     `json:"transaction"`
	Error       string   `json:"error,omitempty"`
}

type file struct {
	Name string    `json:"file"`
	Up   direction `json:"up"`
	Down direction `json:"down"`
}

func parse(path string, way sqlparser.Direction) direction {
	f, err := os.Open(path)
	if err != nil {
		return direction{Error: err.Error()}
	}
	defer f.Close()
	statements, transaction, err := sqlparser.ParseSQLMigration(f, way, false)
	if err != nil {
		return direction{Error: err.Error()}
	}
	return direction{Statements: statements, Transaction: transaction}
}

func main() {
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for _, path := range os.Args[1:] {
		_ = out.Encode(file{
			Name: filepath.Base(path),
			Up:   parse(path, sqlparser.DirectionUp),
			Down: parse(path, sqlparser.DirectionDown),
		})
	}
}
