// Goose as services embed it: the library's Provider, with the session lock that
// its command does not take.
//
//	provider CONNECTION DIRECTORY up|down|status|version
//
// One line an applied migration, or a status; exits with 1 and the error.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

func run(connection, directory, command string) error {
	ctx := context.Background()
	db, err := sql.Open("pgx", connection)
	if err != nil {
		return err
	}
	defer db.Close()
	// every second, so that a test need not wait for five
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS(directory),
		goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	return act(ctx, provider, command)
}

func act(ctx context.Context, provider *goose.Provider, command string) error {
	switch command {
	case "up":
		results, err := provider.Up(ctx)
		for _, r := range results {
			fmt.Printf("%d applied\n", r.Source.Version)
		}
		return err
	case "down":
		result, err := provider.Down(ctx)
		if err == nil {
			fmt.Printf("%d undone\n", result.Source.Version)
		}
		return err
	case "status":
		states, err := provider.Status(ctx)
		for _, s := range states {
			fmt.Printf("%d %s\n", s.Source.Version, strings.ToLower(string(s.State)))
		}
		return err
	case "version":
		version, err := provider.GetDBVersion(ctx)
		if err == nil {
			fmt.Println(version)
		}
		return err
	}
	return fmt.Errorf("no such command: %s", command)
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: provider CONNECTION DIRECTORY up|down|status|version")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
