package acsauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"reflect"
	"slices"
	"strings"
	"syscall"
)

// causes describes err and what is below it, one line each, to whoever called. That is
// the type of each error, and its text only if that was made by this module, or by the
// standard library of what cannot be secret. The texts of drivers and clients quote
// what they were given: statements, addresses with passwords, tokens.
func causes(err error) string {
	var lines []string
	for err := range tree(err) {
		line := fmt.Sprintf("%T", err)
		if text := toldText(err); text != "" {
			line += ": " + text
		} else if f, ok := err.(Failure); ok && failures[f.FailureKind()] != "" {
			line += " (" + f.FailureKind() + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// tree yields err and what is below it, the outermost first.
func tree(err error) iter.Seq[error] {
	return func(yield func(error) bool) { walk(err, yield) }
}

// walk reports whether to go on.
func walk(err error, yield func(error) bool) bool {
	if err == nil { // as lists of causes can hold
		return true
	}
	if !yield(err) {
		return false
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return walk(wrapper.Unwrap(), yield)
	case interface{ Unwrap() []error }:
		for _, cause := range wrapper.Unwrap() {
			if !walk(cause, yield) {
				return false
			}
		}
	}
	return true
}

// A detail is a cause that this package found itself, so that its text can be told.
// What errors.New and fmt.Errorf make does not say who called them.
type detail struct{ error }

// Unwrap returns the cause.
func (d detail) Unwrap() error { return d.error }

// told are the errors of a fixed text that are worth telling.
var told = []error{
	ErrNotMapped, ErrAlreadyMapped, ErrNotStored, ErrMappingInvalid, errBearerSyntax,
	context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, errors.ErrUnsupported,
}

// toldText returns what may be told of err alone; "": nothing but its type.
func toldText(err error) string {
	switch e := err.(type) {
	case *Error:
		return e.Name + ": " + e.Message // and not its cause, which can be anybody's
	case *net.OpError:
		if e.Addr == nil {
			return e.Op + " " + e.Net
		}
		return e.Op + " " + e.Net + " " + e.Addr.String()
	case syscall.Errno, *net.DNSError, *tls.CertificateVerificationError,
		x509.UnknownAuthorityError, x509.HostnameError, x509.CertificateInvalidError:
		return err.Error()
	}
	switch {
	case slices.Contains(told, err):
		return err.Error()
	case !isOwn(err):
		return ""
	}
	// It may repeat what a function of the program's, or a transport, has returned.
	text := err.Error()
	for cause := range tree(err) {
		if said := cause.Error(); said != "" && !isOwn(cause) && !isPlain(cause) && toldText(cause) == "" {
			text = strings.ReplaceAll(text, said, "…")
		}
	}
	return text
}

// isOwn reports whether a package of this module made the type of err.
func isOwn(err error) bool {
	module := strings.TrimSuffix(telemetryScope, "acsauth")
	return strings.HasPrefix(packageOf(err)+"/", module)
}

// isPlain reports whether err has a text and causes, and no type that says more.
func isPlain(err error) bool {
	from := packageOf(err)
	return from == "errors" || from == "fmt"
}

func packageOf(err error) string {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath()
}
