package reload

import (
	"crypto/sha256"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// every is how often a file is looked at, if its value is asked for.
	every = time.Second
	// settled is how long nobody must have written to a file before it is read:
	// what is half written may look complete.
	settled = time.Second
)

// A Config says what a [File] is made from.
type Config[T any] struct {
	// Path names the file. It may be a symbolic link, and the link may change, as
	// in the volumes of Kubernetes. It appears in no error and no log line: it may
	// be a secret in the wrong place.
	Path string
	// Name is what the log calls the file.
	Name string
	// Parse makes a value of the content. Its error is logged, so it must not
	// repeat any of it.
	Parse func(content []byte) (T, error)
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Logger gets one line when a value is replaced, one when the file becomes of
	// no use, and one when that is over. Default: slog.Default().
	Logger *slog.Logger
}

// A File is a value that is made from a file. It is safe for concurrent use.
//
// A change is noticed when the value is asked for, a second or two after the last
// write. What is gone, unreadable or refused by Parse changes nothing. Each value
// has an address of its own, by which it is told from its predecessors.
type File[T any] struct {
	cfg   Config[T] // without a Path: the value never changes
	inUse atomic.Pointer[T]
	look  atomic.Int64 // when to look at the file again, in Unix nanoseconds

	mu       sync.Mutex
	other    *T // what was in use before, or was refused since; nil: nothing
	content  [sha256.Size]byte
	problem  string // why the file is of no use, as it was logged
	stepBack bool   // it was logged that a newer value was refused
}

// Open reads the file that cfg describes. The error says, without the path, why
// it is of no use.
func Open[T any](cfg Config[T]) (*File[T], error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	f := &File[T]{cfg: cfg}
	content, _, err := read(cfg.Path)
	if err != nil {
		return nil, err
	}
	value, err := cfg.Parse(content)
	if err != nil {
		return nil, err
	}
	f.content = sha256.Sum256(content)
	f.inUse.Store(&value)
	f.look.Store(cfg.Now().Add(every).UnixNano())
	return f, nil
}

// Fixed returns a File whose value never changes.
func Fixed[T any](value T) *File[T] {
	f := new(File[T])
	f.inUse.Store(&value)
	return f
}

// Current returns the value to use now. At most once a second, one of its callers
// looks at the file; the others do not wait for that.
func (f *File[T]) Current() *T {
	if f.cfg.Path != "" {
		now := f.cfg.Now()
		wait := time.Duration(f.look.Load() - now.UnixNano())
		if (wait <= 0 || wait > every) && f.mu.TryLock() { // more than every: the clock was set back
			f.look.Store(now.Add(every).UnixNano())
			f.update(now, false)
			f.mu.Unlock()
		}
	}
	return f.inUse.Load()
}

// Instead returns what to use in place of a value that has been refused by
// whoever checks it: what the file holds now, however fresh that is, or else the
// value before. That makes it possible to replace the file before the other side
// knows the new value, as well as after. If there is nothing else, Instead
// returns refused.
func (f *File[T]) Instead(refused *T) *T {
	if f.cfg.Path == "" {
		return f.inUse.Load()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.update(f.cfg.Now(), true)
	if f.inUse.Load() == refused && f.other != nil {
		f.other = f.inUse.Swap(f.other)
		if !f.stepBack {
			f.stepBack = true
			f.cfg.Logger.Warn("a value was refused, so another one that the file held is tried", "file", f.cfg.Name)
		}
	}
	return f.inUse.Load()
}

// update replaces the value if the file has other content than before. The caller
// holds f.mu. In a hurry it takes what may still be written to.
func (f *File[T]) update(now time.Time, hurry bool) {
	content, written, err := read(f.cfg.Path)
	if age := now.Sub(written); err == nil && !hurry && 0 <= age && age < settled {
		return
	}
	sum := sha256.Sum256(content)
	if err == nil && sum == f.content {
		if f.problem != "" {
			f.problem = ""
			f.cfg.Logger.Info("a file is of use again, with what it held before", "file", f.cfg.Name)
		}
		return
	}
	var value T
	if err == nil {
		value, err = f.cfg.Parse(content)
	}
	if err != nil {
		if f.problem != err.Error() {
			f.problem = err.Error()
			f.cfg.Logger.Warn("a file is of no use, so what it held before stays in use", "file", f.cfg.Name, "error", err)
		}
		return
	}
	f.content, f.problem, f.stepBack = sum, "", false
	f.other = f.inUse.Swap(&value)
	f.cfg.Logger.Info("a file has changed, and what it holds is in use", "file", f.cfg.Name)
}

// read returns the content of a file, and when it was last written to.
func read(path string) (content []byte, written time.Time, err error) {
	content, err = Read(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	// Afterwards, so that a write during the reading shows.
	info, err := os.Stat(path)
	if err != nil {
		return nil, time.Time{}, WithoutPath(err)
	}
	return content, info.ModTime(), nil
}
