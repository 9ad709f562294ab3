package sqlmap_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

func TestNewReportsEveryMistake(t *testing.T) {
	t.Parallel()
	db := new(sql.DB)
	tests := []struct {
		name string
		cfg  sqlmap.Config
		want []string // one text in each line of the error; none if it is fine
	}{
		{"least", sqlmap.Config{DB: db, Dialect: sqlmap.SQLite, Resource: host}, nil},
		{"everything", sqlmap.Config{DB: db, Dialect: sqlmap.Postgres, Resource: host, Schema: "Tenant_1", Timeout: time.Second, Now: time.Now}, nil},
		{"port", sqlmap.Config{DB: db, Dialect: sqlmap.Postgres, Resource: "127.0.0.1:8443"}, nil},
		{"IPv6", sqlmap.Config{DB: db, Dialect: sqlmap.Postgres, Resource: "[::1]:8443"}, nil},
		{"schema of 63 characters", sqlmap.Config{DB: db, Dialect: sqlmap.Postgres, Resource: host, Schema: long(63)}, nil},

		{"no database", sqlmap.Config{Dialect: sqlmap.SQLite, Resource: host}, []string{"DB is nil"}},
		{"no dialect", sqlmap.Config{DB: db, Resource: host}, []string{"Dialect is not set"}},
		{"no such dialect", sqlmap.Config{DB: db, Dialect: 7, Resource: host}, []string{"Dialect is not set"}},
		{"no resource", sqlmap.Config{DB: db, Dialect: sqlmap.SQLite}, []string{"Resource must be"}},
		{"endpoint", sqlmap.Config{DB: db, Dialect: sqlmap.SQLite, Resource: "https://" + host}, []string{"no scheme"}},
		{"path", sqlmap.Config{DB: db, Dialect: sqlmap.SQLite, Resource: host + "/"}, []string{"no path"}},
		{"resource too long", sqlmap.Config{DB: db, Dialect: sqlmap.SQLite, Resource: long(256)}, []string{"Resource must be"}},
		{"schema of 64 characters", sqlmap.Config{DB: db, Dialect: sqlmap.Postgres, Resource: host, Schema: long(64)}, []string{"Schema must be"}},
		{"injection", sqlmap.Config{DB: db, Dialect: sqlmap.Postgres, Resource: host, Schema: `a"; DROP TABLE b; --`}, []string{"Schema must be"}},
		{"schema in SQLite", sqlmap.Config{DB: db, Dialect: sqlmap.SQLite, Resource: host, Schema: "a"}, []string{"PostgreSQL only"}},
		{"negative time-out", sqlmap.Config{DB: db, Dialect: sqlmap.SQLite, Resource: host, Timeout: -1}, []string{"Timeout is negative"}},
		{"everything at once", sqlmap.Config{Schema: "-", Timeout: -1}, []string{"DB", "Dialect", "Resource", "Schema", "Timeout"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := sqlmap.New(tt.cfg)
			if len(tt.want) == 0 {
				if err != nil || m == nil {
					t.Fatalf("New: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("New found nothing wrong")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("%d mistakes reported, want %d:\n%v", len(lines), len(tt.want), err)
			}
			for i, line := range lines {
				if !strings.Contains(line, tt.want[i]) {
					t.Errorf("%q does not mention %q", line, tt.want[i])
				}
			}
		})
	}
}

func TestDialectString(t *testing.T) {
	t.Parallel()
	for d, want := range map[sqlmap.Dialect]string{sqlmap.Postgres: "PostgreSQL", sqlmap.SQLite: "SQLite", 0: "unknown"} {
		if got := d.String(); got != want {
			t.Errorf("String of %d = %q, want %q", int(d), got, want)
		}
	}
}
