package backup_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/berth-iac/berth/app/backup"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/store/storetest"
)

// long is a storage with one long file in it, which it makes up.
type long struct {
	files.Store
	key  string
	size int64
}

type longFile struct {
	*io.SectionReader
	info files.Info
}

func (f longFile) Info() files.Info { return f.info }
func (longFile) Close() error       { return nil }

// pattern is content without end that does not compress well.
type pattern struct{}

func (pattern) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		n := uint64(at) + uint64(i)
		n ^= n >> 7
		n *= 0x9e3779b97f4a7c15
		p[i] = byte(n >> 56)
	}
	return len(p), nil
}

func (l long) Open(ctx context.Context, key string) (files.File, error) {
	if key != l.key {
		return l.Store.Open(ctx, key)
	}
	return longFile{io.NewSectionReader(pattern{}, 0, l.size), files.Info{Key: key, Size: l.size}}, nil
}

// However much a client has, a backup takes the same memory.
func TestMemoryIsBounded(t *testing.T) {
	const size = 48 << 20
	src := newSource(t, storetest.SQLite(t), "acme")
	sum := sha256.New()
	_, err := io.Copy(sum, io.NewSectionReader(pattern{}, 0, size))
	must(t, err)
	file := long{src.Files, schema.NewID().String(), size}
	src.Files = file
	c := src.Store.Client()
	c.Attachment.Create().SetTask(c.Task.Query().FirstX(t.Context())).SetUploader(src.bob).SetName("long").SetSize(size).SetContentType("application/octet-stream").
		SetSha256(hex.EncodeToString(sum.Sum(nil))).SetStorageKey(file.key).SetState("stored").SetCreatedAt(now).ExecX(t.Context())
	o, identity := options(t, folder(t))
	var peak atomic.Uint64
	stop := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		var m runtime.MemStats
		for {
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapAlloc))
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	began := time.Now()
	made, err := backup.Run(t.Context(), src.Source, o)
	must(t, err)
	took := time.Since(began)
	stored, err := os.Open(made.Where)
	must(t, err)
	defer stored.Close()
	stream, err := backup.Open(stored, []age.Identity{identity})
	must(t, err)
	_, err = backup.Verify(t.Context(), stream, t.TempDir(), clock())
	must(t, err)
	close(stop)
	<-watched
	t.Logf("%d MiB in %s, made and restored for trial: %.0f MiB/s; %d MiB of heap at most", size>>20, took.Round(time.Millisecond), float64(size>>20)/took.Seconds(), peak.Load()>>20)
	if peak.Load() > 96<<20 {
		t.Errorf("it took %d MiB of memory", peak.Load()>>20)
	}
}
