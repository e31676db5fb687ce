// Package files keeps the content of attachments, on disk or in S3-compatible storage, with the same behaviour, and looks at content
// before it is kept. What a file belongs to, who may see it and what it is called is the caller's to know; here it is a key.
//
// A Store is made for one client: a folder or a prefix that its keys cannot leave. Nothing is visible until it is complete.
package files

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/berth-iac/berth/app/fault"
)

// Info is what is known of a file.
type Info struct {
	Key      string
	Size     int64
	SHA256   string // in hex; only Put knows it
	Modified time.Time
}

// File is a file's content. It has to be closed.
type File interface {
	io.ReadSeekCloser
	Info() Info
}

// Store keeps the files of one client. Keys have 1 to 128 letters, digits, dots, hyphens and underscores, beginning with a letter or
// digit. A file that is not there is fault.NotFound; a storage that does not answer is fault.Unavailable.
type Store interface {
	// Put keeps what r gives, if that is at most limit bytes, in place of what was under the key. When it returns without an error
	// the file survives a crash; with one, what was there before is unchanged. fault.TooLarge says that there was more.
	Put(ctx context.Context, key string, r io.Reader, limit int64) (Info, error)
	Open(ctx context.Context, key string) (File, error)
	// Delete removes a file; one that is not there is no error.
	Delete(ctx context.Context, key string) error
	// Walk calls each for every file, in no order, until it returns an error.
	Walk(ctx context.Context, each func(Info) error) error
	// Close lets go of what the store holds open.
	Close() error
}

var keys = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func checkKey(key string) error {
	if !keys.MatchString(key) {
		return fmt.Errorf("%q cannot be the key of a file", key)
	}
	return nil
}

// Room is the limit of the next file of a client that uses so much of its room already: what is left, or the limit of one file if
// that is less. fault.TooLarge says that nothing is left.
func Room(perFile, perClient, used int64) (int64, error) {
	left := min(perFile, perClient-used)
	if left <= 0 {
		return 0, fault.Oversize("file", "the room for attachments is used up", "delete some that nobody needs any more, or ask for more room")
	}
	return left, nil
}

// tooLarge is the error of what does not fit.
func tooLarge(limit int64) error {
	return fault.Oversize("file", "it is larger than "+size(limit), "make it smaller, or share a link to it")
}

func size(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d kB", n>>10)
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}

// Upload is what somebody sent, complete, in a temporary file that has no name: it can be looked at before it is kept, and is gone
// when it is closed or the process ends.
type Upload struct {
	*os.File
	Size   int64
	SHA256 string
}

// Receive takes in at most limit bytes. folder is where temporary files may be; "" is the system's.
func Receive(ctx context.Context, r io.Reader, limit int64, folder string) (*Upload, error) {
	f, err := os.CreateTemp(folder, "taskflow-upload-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("hide a temporary file: %w", err)
	}
	u := &Upload{File: f}
	if u.Size, u.SHA256, err = receive(ctx, f, r, limit); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return u, nil
}

// receive copies at most limit bytes and says what they were.
func receive(ctx context.Context, w io.Writer, r io.Reader, limit int64) (int64, string, error) {
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(&whileWanted{ctx, r}, limit+1))
	if err != nil {
		return 0, "", fmt.Errorf("take in a file: %w", err)
	}
	if n > limit {
		return 0, "", tooLarge(limit)
	}
	return n, hex.EncodeToString(sum.Sum(nil)), nil
}

// whileWanted reads until the context ends.
type whileWanted struct {
	ctx context.Context
	r   io.Reader
}

func (w *whileWanted) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(p)
}

// random is a name that nobody else chooses.
func random() string { return rand.Text() }

func notFound(err error) bool { return errors.Is(err, os.ErrNotExist) }
