#!/bin/sh
# Prints the Up parts of a folder of Goose migrations as a psql script: in the
# order of their versions, each in a transaction unless it asks for none.
# It stands in for `goose up` and keeps no history.
set -eu

for file in "$1"/*.sql; do
	body=$(sed '/^-- +goose Down/,$d' "$file")
	case $body in
	*'-- +goose NO TRANSACTION'*) printf '%s\n' "$body" ;;
	*) printf 'BEGIN;\n%s\nCOMMIT;\n' "$body" ;;
	esac
done
