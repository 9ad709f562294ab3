package tablemap

import (
	"context"
	"iter"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// pageSize is how many entities are read with one request. The service allows
// 1000; of the largest that a Mapper writes, these are within maxAnswer.
const pageSize int32 = 500

// Mappings implements [acsauth.ListingMapper]. It reads up to 500 mappings with one
// request, and leaves out those that are not valid.
func (m *Mapper) Mappings(ctx context.Context) iter.Seq2[acsauth.Mapping, error] {
	return func(yield func(acsauth.Mapping, error) bool) {
		for page, err := range m.pages(ctx, "Mappings", m.keys.all(mappings)) {
			if err != nil {
				yield(acsauth.Mapping{}, err)
				return
			}
			for _, e := range page {
				partition, _ := e.text("PartitionKey")
				u, known := m.keys.user(mappings, partition)
				acsID, valid := e.acsID()
				if row, _ := e.text("RowKey"); !known || !valid || row != mappingRow {
					continue
				}
				created, _ := e.moment("Created")
				if !yield(acsauth.Mapping{TenantID: u.TenantID, ObjectID: u.ObjectID, ACSID: acsID, Created: created}, nil) {
					return
				}
			}
		}
	}
}

// pages yields the entities that a filter selects. The sequence ends with the
// first error, which comes without a page.
func (m *Mapper) pages(ctx context.Context, operation, filter string) iter.Seq2[[]entity, error] {
	return func(yield func([]entity, error) bool) {
		size := pageSize
		next := &aztables.ListEntitiesOptions{Filter: &filter, Top: &size}
		for {
			var r aztables.ListEntitiesResponse
			_, err := m.do(ctx, operation, func(ctx context.Context) (err error) {
				r, err = m.client.NewListEntitiesPager(next).NextPage(ctx)
				return err
			})
			page := make([]entity, 0, len(r.Entities))
			for i := 0; err == nil && i < len(r.Entities); i++ {
				var e entity
				if e, err = decode(r.Entities[i]); err != nil {
					err = unusable(operation, err)
				}
				page = append(page, e)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page, nil) || r.NextPartitionKey == nil {
				return
			}
			next.NextPartitionKey, next.NextRowKey = r.NextPartitionKey, r.NextRowKey
		}
	}
}
