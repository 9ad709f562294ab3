//go:build linux

package check_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a container engine does, as far as the programs can notice: a root file
// system that is read-only, a network of its own with nobody else in it, a user
// without capabilities who cannot gain any, and nothing else of the machine.

// asEngine in the environment makes the test binary the engine, which has to be
// root, for the container in the file that it names.
const asEngine = "DEPLOY_CHECK_CONTAINER"

// patience bounds what must happen anyway; no test waits for it in vain.
const patience = time.Minute

// A container is an image, and how it is run.
type container struct {
	Root     string   // directory with the file system
	Command  []string // to run
	Health   []string // to run while Command runs, until it exits with 0, and once afterwards; nil: Command ends by itself
	Env      []string
	UID, GID uint32
	Grace    time.Duration // from SIGTERM to SIGKILL; 0: SIGKILL at once
}

// A report is what became of a container.
type report struct {
	Identity     string // of the command's process, in the kernel's words
	Healthy      bool   // the health check exited with 0 in the end
	Status       int    // of the command, after SIGTERM
	HealthyAfter bool   // the health check exited with 0 when the command had ended
	Error        string
}

func TestMain(m *testing.M) {
	file := os.Getenv(asEngine)
	if file == "" {
		status := m.Run()
		_ = os.RemoveAll(out) // what was built for all tests
		os.Exit(status)
	}
	runtime.LockOSThread() // namespaces belong to the thread
	var c container
	var r report
	content, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(content, &c)
	}
	if err == nil {
		r, err = c.runAsRoot()
	}
	if err != nil {
		r.Error = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		os.Exit(1)
	}
}

// run runs the container until it is healthy, ends it, and returns what it logged.
func (c container) run(t *testing.T) (r report, log string) {
	t.Helper()
	specification, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "container.json")
	if err := os.WriteFile(file, specification, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience+c.Grace)
	defer cancel()
	engine := []string{"env", asEngine + "=" + file, self}
	if os.Geteuid() != 0 {
		engine = append([]string{"sudo", "-n"}, engine...)
	}
	cmd := exec.CommandContext(ctx, engine[0], engine[1:]...)
	var out, logged bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &logged
	if err := cmd.Run(); err != nil {
		t.Fatalf("a container needs root, or sudo without a password: %v\n%s", err, logged.String())
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in the report %q", err, out.String())
	}
	if r.Error != "" {
		t.Fatalf("%s\n%s", r.Error, logged.String())
	}
	return r, logged.String()
}

// runAsRoot changes the thread, so that the process is of no use for anything else.
func (c container) runAsRoot() (r report, err error) {
	null, err := os.Open(os.DevNull) // there is none inside
	if err != nil {
		return r, err
	}
	processes, err := os.OpenRoot("/proc")
	if err != nil {
		return r, err
	}
	if err := c.isolate(); err != nil {
		return r, err
	}
	if err := os.Mkdir("/probe", 0o700); !errors.Is(err, syscall.EROFS) {
		return r, fmt.Errorf("writing to the root file system: %v; want EROFS", err)
	}

	main := c.command(null, c.Command)
	if err := main.Start(); err != nil {
		return r, err
	}
	status, err := processes.ReadFile(fmt.Sprintf("%d/status", main.Process.Pid))
	if err != nil {
		return r, err
	}
	r.Identity = strings.Join(regexp.MustCompile(`(?m)^(Uid|Gid|Groups|CapEff|NoNewPrivs):.*`).FindAllString(string(status), -1), "\n")
	ended := make(chan error, 1)
	go func() { ended <- main.Wait() }()
	if c.Health == nil {
		timer := time.AfterFunc(patience, func() { _ = main.Process.Kill() })
		defer timer.Stop()
		<-ended
		r.Status = main.ProcessState.ExitCode()
		return r, nil
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !r.Healthy && time.Now().Before(deadline); {
		select {
		case err := <-ended:
			return r, fmt.Errorf("%q has ended: %w", c.Command, err)
		case <-tick.C:
			r.Healthy = c.command(null, c.Health).Run() == nil
		}
	}
	if c.Grace > 0 {
		_ = main.Process.Signal(syscall.SIGTERM)
	} else {
		_ = main.Process.Kill()
	}
	timer := time.AfterFunc(c.Grace, func() { _ = main.Process.Kill() })
	defer timer.Stop()
	<-ended
	r.Status = main.ProcessState.ExitCode()
	r.HealthyAfter = c.command(null, c.Health).Run() == nil
	return r, nil
}

// isolate gives the thread the file system and the network of the container.
func (c container) isolate() error {
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	for _, mount := range []struct {
		source, target string
		flags          uintptr
	}{
		{"none", "/", unix.MS_REC | unix.MS_PRIVATE},
		{c.Root, c.Root, unix.MS_BIND | unix.MS_REC},
		{"none", c.Root, unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV},
	} {
		if err := unix.Mount(mount.source, mount.target, "", mount.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", mount.target, err)
		}
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	if err := unix.Chroot(c.Root); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}

// command is args as a process of the container's user, who has no capabilities.
func (c container) command(null *os.File, args []string) *exec.Cmd {
	// Nothing is inherited, not even if nothing is given.
	cmd := &exec.Cmd{Path: args[0], Args: args, Env: append([]string{}, c.Env...), Dir: "/"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = null, os.Stderr, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.UID, Gid: c.GID}}
	return cmd
}

// put writes a file of a container, for its user only, as a volume would bring it.
func (c container) put(t *testing.T, path, content string) {
	t.Helper()
	to := filepath.Join(c.Root, filepath.FromSlash(path))
	if !strings.HasPrefix(to, c.Root+"/") {
		t.Fatalf("%s leads out of the container", path)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
