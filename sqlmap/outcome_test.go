package sqlmap_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

// After a connection broke in the middle of Create nobody knows what happened, and
// Create does not claim otherwise. Repeating it ends well.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	config := postgresConfig(t)
	if config == nil {
		return
	}
	for _, tt := range []struct {
		name   string
		fate   fate
		stored bool
		kind   string
	}{
		{"the request is lost", requestLost, false, "unavailable"},
		{"the answer is lost", answerLost, true, "unavailable"},
		{"the answer is cut short", answerCut, true, "unavailable"},
		{"the answer does not come", answerHeld, true, "timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			own := inSchema(config, newSchema(t, config))
			p, through := newProxy(t, own)
			d := database{"PostgreSQL", sqlmap.Postgres, func(t testing.TB) *sql.DB { return openPostgres(t, through) }}
			direct := d.mapper(t, openPostgres(t, own))
			migrate(t, direct)
			db := d.open(t)
			db.SetMaxOpenConns(1)
			m := d.mapper(t, db)
			breaking := d.mapper(t, db, func(cfg *sqlmap.Config) {
				if tt.fate == answerHeld {
					cfg.Timeout = time.Second
				}
			})
			u, id := newUser(), newID()
			create(t, m, newUser(), id) // so that there is a connection

			p.next.Store(int32(tt.fate))
			err := breaking.Create(t.Context(), u, id)
			fails(t, err, tt.kind, "")
			isNotStored(t, err, false)
			if tt.stored {
				maps(t, direct, u, id)
			} else {
				maps(t, direct, u, "")
			}

			create(t, m, u, id)
			if err := m.Create(t.Context(), u, newID()); !errors.Is(err, acsauth.ErrAlreadyMapped) {
				t.Errorf("Create of another: %v; want ErrAlreadyMapped", err)
			}
			maps(t, m, u, id)

			p.next.Store(int32(tt.fate))
			fails(t, breaking.Delete(t.Context(), u, id), tt.kind, "")
			if err := m.Delete(t.Context(), u, id); err != nil {
				t.Errorf("Delete: %v", err)
			}
			maps(t, direct, u, "")
		})
	}
}

// While another transaction holds the key, Create waits. What it says when that ends
// depends on how.
func TestCreateWaits(t *testing.T) {
	t.Parallel()
	config := postgresConfig(t)
	if config == nil {
		return
	}
	for _, tt := range []struct {
		name      string
		finish    func(t *testing.T, tx *sql.Tx, admin *sql.DB, pid int) // once process pid waits for tx
		timeout   time.Duration
		want      error  // unless there is a kind
		kind      string // of an Error
		code      string
		notStored bool
	}{
		{name: "committed", finish: func(t *testing.T, tx *sql.Tx, _ *sql.DB, _ int) { tx.Commit() }, want: acsauth.ErrAlreadyMapped},
		{name: "rolled back", finish: func(t *testing.T, tx *sql.Tx, _ *sql.DB, _ int) { tx.Rollback() }},
		{name: "cancelled", finish: signal("pg_cancel_backend"), kind: "timeout", code: "57014", notStored: true},
		{name: "terminated", finish: signal("pg_terminate_backend"), kind: "unavailable", code: "57P01"},
		{name: "timed out", timeout: time.Second, kind: "timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := postgresDatabase(t, config).migrated(t)
			admin, u := d.open(t), newUser()
			tx, err := admin.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			if _, err := tx.ExecContext(t.Context(), "INSERT INTO acsauth_mappings VALUES ($1, $2, $3, $4, now())", host, u.TenantID, u.ObjectID, newID()); err != nil {
				t.Fatal(err)
			}

			db := d.open(t)
			db.SetMaxOpenConns(1)
			m := d.mapper(t, db, func(cfg *sqlmap.Config) { cfg.Timeout = cmp.Or(tt.timeout, time.Minute) })
			create(t, d.mapper(t, db), newUser(), newID()) // so that there is a connection
			done := make(chan error, 1)
			go func() { done <- m.Create(t.Context(), u, newID()) }()
			if tt.finish != nil {
				tt.finish(t, tx, admin, waiting(t, tx, admin))
			}
			err = <-done
			switch {
			case tt.kind != "":
				fails(t, err, tt.kind, tt.code)
				isNotStored(t, err, tt.notStored)
			case !errors.Is(err, tt.want):
				t.Errorf("Create: %v; want %v", err, tt.want)
			}
		})
	}
}

// signal returns what sends a signal to the process that waits.
func signal(function string) func(*testing.T, *sql.Tx, *sql.DB, int) {
	return func(t *testing.T, _ *sql.Tx, admin *sql.DB, pid int) {
		t.Helper()
		if _, err := admin.ExecContext(t.Context(), "SELECT "+function+"($1)", pid); err != nil {
			t.Error(err)
		}
	}
}

// waiting returns the process that waits for tx, once there is one. Within tx itself
// it would not be seen: there, the list of processes stays as it first was.
func waiting(t *testing.T, tx *sql.Tx, admin *sql.DB) (pid int) {
	t.Helper()
	var blocking int
	if err := tx.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&blocking); err != nil {
		t.Fatal(err)
	}
	for {
		err := admin.QueryRowContext(t.Context(), `SELECT pid FROM pg_stat_activity, pg_sleep(0.01)
			WHERE $1 = ANY (pg_blocking_pids(pid))`, blocking).Scan(&pid)
		if err == nil {
			return pid
		}
		if !errors.Is(err, sql.ErrNoRows) {
			t.Fatal(err)
		}
	}
}

// In SQLite, whoever changes something waits for whoever else does: until the other
// is done, or no longer than the time-out.
func TestSQLiteLocked(t *testing.T) {
	t.Parallel()
	d := sqliteDatabase(t).migrated(t)
	other, err := d.open(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	db := d.open(t)
	hasty := d.mapper(t, db, func(cfg *sqlmap.Config) { cfg.Timeout = 300 * time.Millisecond })
	u, id := newUser(), newID()
	for name, err := range map[string]error{
		"Create":    hasty.Create(t.Context(), u, id),
		"Delete":    hasty.Delete(t.Context(), u, id),
		"OpenEntry": hasty.OpenEntry(t.Context(), newEntry(u)),
	} {
		var failure *sqlmap.Error
		if !errors.As(err, &failure) {
			t.Errorf("%s: %v; want an Error", name, err)
		}
	}
	maps(t, hasty, u, "") // who reads does not wait
	migrate(t, hasty)     // nor who has nothing to do

	patient := d.mapper(t, db, func(cfg *sqlmap.Config) { cfg.Timeout = time.Minute })
	done := make(chan error, 1)
	go func() { done <- patient.Create(t.Context(), u, id) }()
	// This gives the patient one some time to find the lock.
	if err := hasty.Delete(t.Context(), u, id); err == nil {
		t.Error("Delete succeeded in spite of the lock")
	}
	if _, err := other.ExecContext(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("Create: %v", err)
	}
	maps(t, hasty, u, id)
}

// What was certainly not sent was certainly not stored.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d = d.migrated(t)
			db := d.open(t)
			db.SetMaxOpenConns(1)
			m := d.mapper(t, db, func(cfg *sqlmap.Config) { cfg.Timeout = 50 * time.Millisecond })
			only, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			err = m.Create(t.Context(), newUser(), newID())
			fails(t, err, "timeout", "")
			isNotStored(t, err, true)

			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err = m.Create(ctx, newUser(), newID())
			fails(t, err, "unavailable", "")
			isNotStored(t, err, true)

			only.Close()
			db.Close()
			err = m.Create(t.Context(), newUser(), newID())
			fails(t, err, "unavailable", "")
			isNotStored(t, err, true)
		})
	}
}
