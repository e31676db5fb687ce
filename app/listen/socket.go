package listen

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/net/netutil"
)

// Activated are the sockets that systemd opened for this process, in the order of its unit; none without socket activation. It reads
// the process's environment and clears it of them: only main calls it, once.
func Activated() []*os.File { return activation.Files(true) }

// Open listens on the sockets that were given, or, where there are none, on address (host:port, or a path beginning with / for a
// Unix socket). The files are closed.
func Open(ctx context.Context, address string, given []*os.File) ([]net.Listener, error) {
	if len(given) > 0 {
		return fromFiles(given)
	}
	network := "tcp"
	if filepath.IsAbs(address) {
		network = "unix"
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return []net.Listener{l}, nil
}

func fromFiles(given []*os.File) ([]net.Listener, error) {
	var all []net.Listener
	for _, f := range given {
		l, err := net.FileListener(f)
		_ = f.Close() // FileListener has its own
		if err != nil {
			for _, l := range all {
				_ = l.Close()
			}
			return nil, fmt.Errorf("listen on the socket %s that was handed over: %w", f.Name(), err)
		}
		all = append(all, l)
	}
	return all, nil
}

// AtMost lets so many connections be open at once; the next wait in the kernel's queue.
func AtMost(l net.Listener, connections int) net.Listener {
	return netutil.LimitListener(l, connections)
}

// ErrNobody says that no release runs that could hand its sockets over.
var ErrNobody = errors.New("nobody hands sockets over")

const (
	maxHanded = 16
	handTime  = 30 * time.Second
	taken     = 'R'
)

// HandOver waits at a Unix socket for the next release, gives it the listening sockets, and returns nil when that one has said that it
// serves: then this process stops accepting and drains. Both have the same queue of connections, so none is lost in between. A next
// release that fails before changes nothing, and the wait goes on. Only processes of the same user are answered. It returns ctx's
// error when ctx ends.
func HandOver(ctx context.Context, path string, listeners []net.Listener) error {
	var files []*os.File
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	for _, l := range listeners {
		one, ok := l.(interface{ File() (*os.File, error) })
		if !ok {
			return fmt.Errorf("a %T cannot be handed over: give the socket below it", l)
		}
		f, err := one.File()
		if err != nil {
			return fmt.Errorf("hand a socket over: %w", err)
		}
		files = append(files, f)
	}
	if len(files) == 0 || len(files) > maxHanded {
		return fmt.Errorf("%d sockets cannot be handed over: 1 to %d can", len(files), maxHanded)
	}
	door, err := doorAt(ctx, path)
	if err != nil {
		return err
	}
	defer door.Close() //nolint:errcheck // nothing was written to it
	stop := context.AfterFunc(ctx, func() { _ = door.Close() })
	defer stop()
	for {
		conn, err := door.AcceptUnix()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("wait for the next release: %w", err)
		}
		if handTo(ctx, conn, files) {
			return nil
		}
	}
}

// doorAt listens at path in place of whoever did before: the one that this process took over from still waits there, or left it.
func doorAt(ctx context.Context, path string) (*net.UnixListener, error) {
	temporary := fmt.Sprintf("%s.%d", path, os.Getpid())
	_ = os.Remove(temporary)
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", temporary)
	if err != nil {
		return nil, fmt.Errorf("listen for the next release at %s: %w", path, err)
	}
	door := l.(*net.UnixListener)
	door.SetUnlinkOnClose(false) // by then the path may be the next one's
	if err := errors.Join(os.Chmod(temporary, 0o600), os.Rename(temporary, path)); err != nil {
		_ = door.Close()
		return nil, fmt.Errorf("listen for the next release at %s: %w", path, err)
	}
	return door, nil
}

// handTo tells whether whoever came took the sockets and serves.
func handTo(ctx context.Context, conn *net.UnixConn, files []*os.File) bool {
	defer conn.Close() //nolint:errcheck // nobody waits for what it says
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if !sameUser(conn) {
		return false
	}
	fds := make([]int, len(files))
	for i, f := range files {
		// Fd would make the socket a blocking one, for this process too.
		raw, err := f.SyscallConn()
		if err != nil || raw.Control(func(fd uintptr) { fds[i] = int(fd) }) != nil { //nolint:gosec // descriptors are small
			return false
		}
	}
	count := binary.BigEndian.AppendUint32(nil, uint32(len(fds))) //nolint:gosec // at most maxHanded
	if _, _, err := conn.WriteMsgUnix(count, syscall.UnixRights(fds...), nil); err != nil {
		return false
	}
	answer := make([]byte, 1) // the next one migrates and warms up before, so there is no deadline but ctx
	_, err := conn.Read(answer)
	return err == nil && answer[0] == taken
}

// TakeOver gets the listening sockets of the release before. Call serving once requests are answered: the other then stops. Whoever
// gives up closes by calling abandon. ErrNobody says that there is nobody to take over from.
func TakeOver(ctx context.Context, path string) (files []*os.File, serving func() error, abandon func(), err error) {
	fail := func(err error) ([]*os.File, func() error, func(), error) { return nil, nil, nil, err }
	raw, err := (&net.Dialer{Timeout: handTime}).DialContext(ctx, "unix", path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fail(ErrNobody)
	}
	if err != nil {
		return fail(fmt.Errorf("take sockets over at %s: %w", path, err))
	}
	conn := raw.(*net.UnixConn)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	if !sameUser(conn) {
		_ = conn.Close()
		return fail(fmt.Errorf("take sockets over at %s: it is another user's", path))
	}
	files, err = receiveFiles(conn)
	if err != nil {
		stop()
		_ = conn.Close()
		return fail(fmt.Errorf("take sockets over at %s: %w", path, err))
	}
	serving = func() error {
		defer conn.Close() //nolint:errcheck // what matters is the write
		defer stop()
		if _, err := conn.Write([]byte{taken}); err != nil {
			return fmt.Errorf("tell the release before that this one serves: %w", err)
		}
		return nil
	}
	return files, serving, func() { stop(); _ = conn.Close() }, nil
}

func receiveFiles(conn *net.UnixConn) ([]*os.File, error) {
	count, rights := make([]byte, 4), make([]byte, syscall.CmsgSpace(4*maxHanded))
	n, m, flags, _, err := conn.ReadMsgUnix(count, rights)
	if err != nil {
		return nil, err
	}
	messages, err := syscall.ParseSocketControlMessage(rights[:m])
	if err != nil {
		return nil, fmt.Errorf("read what was handed over: %w", err)
	}
	var files []*os.File
	for _, message := range messages {
		fds, err := syscall.ParseUnixRights(&message)
		if err != nil {
			return nil, fmt.Errorf("read what was handed over: %w", err)
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), fmt.Sprintf("handed-over-%d", len(files)))) //nolint:gosec // descriptors are not negative
		}
	}
	if n != 4 || flags&syscall.MSG_CTRUNC != 0 || len(files) == 0 || int64(binary.BigEndian.Uint32(count)) != int64(len(files)) {
		for _, f := range files {
			_ = f.Close()
		}
		return nil, fmt.Errorf("%d sockets came, and that is not all", len(files))
	}
	return files, nil
}
