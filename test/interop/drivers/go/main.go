// What pgx says of a key that is not there: alone, in a batch, in COPY, at
// COMMIT, and through database/sql.
//
//	violations CONNECTION TABLE TABLE_CHECKED_AT_COMMIT
//
// A line of JSON a case.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	there   = "00000000-0000-4000-8000-000000000001"
	missing = "00000000-0000-4000-8000-0000000000ff"
)

var ctx = context.Background()

func show(name string, err error) {
	line := map[string]any{"driver": "pgx", "case": name}
	var violation *pgconn.PgError
	if errors.As(err, &violation) {
		line["code"] = violation.Code
		line["schema"] = violation.SchemaName
		line["table"] = violation.TableName
		line["column"] = violation.ColumnName
		line["constraint"] = violation.ConstraintName
		line["message"] = violation.Message
		line["detail"] = violation.Detail
		line["hint"] = violation.Hint
	} else {
		line["code"] = fmt.Sprintf("no PgError: %v", err)
	}
	text, _ := json.Marshal(line)
	fmt.Println(string(text))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func insert(table string) string {
	return fmt.Sprintf("INSERT INTO %s (product_id) VALUES ($1)", table)
}

func atCommit(conn *pgxpool.Conn, table string) error {
	tx, err := conn.Begin(ctx)
	must(err)
	_, err = tx.Exec(ctx, insert(table), missing)
	must(err)
	return tx.Commit(ctx)
}

// The error leaves the connection as good as it was
func stays(conn *pgxpool.Conn, table string, pid uint32) {
	_, err := conn.Exec(ctx, insert(table), there)
	must(err)
	if conn.Conn().PgConn().PID() != pid {
		must(errors.New("the connection is another one"))
	}
}

func throughDatabaseSQL(pool *pgxpool.Pool, table string) error {
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
	must(err)
	defer tx.Rollback()
	_, err = tx.ExecContext(ctx, insert(table), missing)
	return err
}

func main() {
	table, late := os.Args[2], os.Args[3]
	pool, err := pgxpool.New(ctx, os.Args[1])
	must(err)
	conn, err := pool.Acquire(ctx)
	must(err)
	pid := conn.Conn().PgConn().PID()

	_, err = conn.Exec(ctx, insert(table), missing)
	show("alone", err)
	_, err = conn.Exec(ctx, insert(table), pgx.QueryExecModeSimpleProtocol, missing)
	show("without preparing", err)

	batch := &pgx.Batch{}
	for _, key := range []string{there, missing, there} {
		batch.Queue(insert(table), key)
	}
	show("batch", conn.SendBatch(ctx, batch).Close())

	_, err = conn.CopyFrom(ctx, pgx.Identifier{"cart", table[len("cart."):]}, []string{"product_id"},
		pgx.CopyFromRows([][]any{{there}, {missing}}))
	show("copy", err)
	show("commit", atCommit(conn, late))
	stays(conn, table, pid)
	conn.Release()
	show("database/sql", throughDatabaseSQL(pool, table))
	pool.Close()
}
