package httpx

import (
	"fmt"
	"runtime"
)

// PanicText describes the value of a panic for the log: what the runtime says, and of
// any other value its type alone, since it might hold anything.
func PanicText(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T", p)
}
