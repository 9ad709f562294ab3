package sqlmap

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// Mappings implements [acsauth.ListingMapper]: those of the Mapper's ACS resource,
// by tenant id and object id, 256 at a time. No statement is open while the caller
// looks at one. Times are kept to the microsecond.
func (m *Mapper) Mappings(ctx context.Context) iter.Seq2[acsauth.Mapping, error] {
	return pages(func(last acsauth.Mapping) ([]acsauth.Mapping, error) {
		return query(ctx, m, "Mappings", scanMapping, selectMappings, m.resource, last.TenantID, last.ObjectID)
	})
}

func scanMapping(rows *sql.Rows) (found acsauth.Mapping, err error) {
	err = rows.Scan(&found.TenantID, &found.ObjectID, &found.ACSID, (*timestamp)(&found.Created))
	return found, err
}

// pages yields the pages that next reads, one after another. It is given the last
// of the page before, or the zero T; an empty page is the end.
func pages[T any](next func(last T) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last T
		for {
			page, err := next(last)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			if len(page) == 0 {
				return
			}
			for _, last = range page {
				if !yield(last, nil) {
					return
				}
			}
		}
	}
}

// time returns t as the database keeps it.
func (m *Mapper) time(t time.Time) any { return m.dialect.time(t.UTC().Truncate(time.Microsecond)) }

// A timestamp reads a time as either database keeps it.
type timestamp time.Time

// Scan implements [sql.Scanner].
func (t *timestamp) Scan(value any) error {
	switch value := value.(type) {
	case time.Time:
		*t = timestamp(value.UTC())
	case int64:
		*t = timestamp(time.UnixMicro(value).UTC())
	default:
		return fmt.Errorf("sqlmap: a time is a %T", value)
	}
	return nil
}
