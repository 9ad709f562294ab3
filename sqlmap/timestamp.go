package sqlmap

import (
	"fmt"
	"time"
)

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
