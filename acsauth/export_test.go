package acsauth

import (
	"maps"
	"slices"
)

// ErrorNames returns the names in the table from error to answer.
func ErrorNames() []string { return slices.Sorted(maps.Keys(answers)) }

// ErrorMessages returns the messages in that table, in the order of the names.
func ErrorMessages() (messages []string) {
	for _, name := range ErrorNames() {
		messages = append(messages, answers[name].message)
	}
	return messages
}
