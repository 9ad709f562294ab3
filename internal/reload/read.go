package reload

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// maxSize bounds what is read of a file. Secrets, certificates and tokens have a few
// kilobytes.
const maxSize = 1 << 20

// Read returns the content of a text file, without a byte order mark of UTF-8 at its
// beginning. It must be a regular file, or a symbolic link to one: a pipe could be
// read only once and would have to be waited for, and a device may have no end. The
// error says, without the path, why it is of no use.
func Read(path string) ([]byte, error) {
	// Before opening it, which waits for the other end of a pipe.
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, WithoutPath(err)
	case info.IsDir():
		return nil, errors.New("it is a directory")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file, but a pipe, a socket or a device")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, WithoutPath(err)
	}
	defer func() { _ = file.Close() }()
	return readText(file)
}

// ReadOnce is Read for a file that is read once only, and so may be a pipe.
func ReadOnce(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, WithoutPath(err)
	}
	defer func() { _ = file.Close() }()
	return readText(file)
}

func readText(file io.Reader) ([]byte, error) {
	var content bytes.Buffer
	if _, err := content.ReadFrom(io.LimitReader(file, maxSize+1)); err != nil {
		return nil, WithoutPath(err)
	}
	if content.Len() > maxSize {
		return nil, errors.New("it has more than 1 MiB")
	}
	return bytes.TrimPrefix(content.Bytes(), []byte("\ufeff")), nil
}

// WithoutPath returns what went wrong with a file, without its name, which may be a
// secret in the wrong place.
func WithoutPath(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
