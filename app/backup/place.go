package backup

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Place is where backups lie: a folder or a bucket, each client's by itself.
type Place interface {
	// Create begins a backup. Nothing is seen of it before Commit, and what is there is never overwritten.
	Create(ctx context.Context, client, name string) (Upload, error)
	// List gives a client's backups, the newest first.
	List(ctx context.Context, client string) ([]Object, error)
	// Open reads one, by Object.Where.
	Open(ctx context.Context, where string) (io.ReadCloser, error)
	// Keep removes all but the newest n of a client, where that is the service's to do, and tells which it removed.
	Keep(ctx context.Context, client string, n int) ([]string, error)
	// Kept says in words how long backups are kept.
	Kept(n int) string
}

// Upload is a backup that is being written.
type Upload interface {
	io.Writer
	Commit() (where string, err error)
	Abort() error // after Commit it does nothing
}

// Object is a stored backup.
type Object struct {
	Client string    `json:"client"`
	Name   string    `json:"name"`
	Where  string    `json:"where"`
	Made   time.Time `json:"made"`
	Size   int64     `json:"size"`
}

const stamp = "20060102T150405Z"

var nameForm = regexp.MustCompile(`^([0-9]{8}T[0-9]{6}Z)-[0-9a-f]{12}\.age$`)

// name is that of a backup's file: in the order of time, and no two alike.
func name(made time.Time, id string) string {
	letters := strings.ReplaceAll(id, "-", "")
	return made.UTC().Format(stamp) + "-" + letters[len(letters)-12:] + ".age"
}

// madeAt reads when a backup was made from its file's name.
func madeAt(name string) (time.Time, bool) {
	found := nameForm.FindStringSubmatch(name)
	if found == nil {
		return time.Time{}, false
	}
	at, err := time.Parse(stamp, found[1])
	return at, err == nil
}

var clientForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

func checkClient(client string) error {
	if !clientForm.MatchString(client) {
		return fmt.Errorf("%q cannot be a folder of backups", client)
	}
	return nil
}
