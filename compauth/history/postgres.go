package history

import (
	"database/sql"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

func openPostgres(config *pgx.ConnConfig) (*sql.DB, error) { return stdlib.OpenDB(*config), nil }
