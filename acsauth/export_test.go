package acsauth

import (
	"maps"
	"slices"
)

// ErrorNames returns the names in the table from error to answer.
func ErrorNames() []string { return slices.Sorted(maps.Keys(answers)) }
