package sqlmap

import (
	"context"
	"database/sql"
	"iter"

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
