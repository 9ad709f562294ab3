package sqlmap_test

import "testing"

func BenchmarkLookup(b *testing.B) {
	for _, d := range databases(b) {
		b.Run(d.name, func(b *testing.B) {
			d = d.migrated(b)
			m := d.mapper(b, d.open(b))
			u := newUser()
			create(b, m, u, newID())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Lookup(b.Context(), u); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCreate(b *testing.B) {
	for _, d := range databases(b) {
		b.Run(d.name, func(b *testing.B) {
			d = d.migrated(b)
			m := d.mapper(b, d.open(b))
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Create(b.Context(), newUser(), newID()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
