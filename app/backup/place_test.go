package backup_test

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"entgo.io/ent/dialect/sql"
	"filippo.io/age"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/berth-iac/berth/app/backup"
	"github.com/berth-iac/berth/app/ent/attachment"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/store/storetest"
)

type attachmentSelector = sql.Selector

func keyIs(s *sql.Selector, key string) *sql.Predicate {
	return sql.EQ(s.C(attachment.FieldStorageKey), key)
}

// losing is a storage from which a file is removed just before it is read.
type losing struct {
	files.Store
	at   string
	then func()
}

func (l *losing) Open(ctx context.Context, key string) (files.File, error) {
	if key == l.at {
		l.then()
	}
	return l.Store.Open(ctx, key)
}

func bucket(t *testing.T) *backup.Bucket {
	t.Helper()
	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(server.Close)
	who := credentials.NewStaticCredentialsProvider("a", "b", "")
	plain := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &server.URL, UsePathStyle: true, Credentials: who})
	if _, err := plain.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("backups")}); err != nil {
		t.Fatal(err)
	}
	b, err := backup.NewBucket(backup.BucketOptions{
		Bucket: "backups", Prefix: "taskflow/", Region: "us-east-1", Endpoint: server.URL, PathStyle: true, Credentials: who, Part: 5 << 20,
	})
	must(t, err)
	return b
}

func TestABucketKeepsBackups(t *testing.T) {
	src := newSource(t, storetest.SQLite(t), "acme")
	random := make([]byte, 12<<20) // three parts
	for i := range random {
		random[i] = byte(i * i >> 3 * 31)
	}
	must(t, func() error {
		f, err := os.Open("/dev/urandom")
		if err != nil {
			return err
		}
		_, err = io.ReadFull(f, random)
		return errors.Join(err, f.Close())
	}())
	key := "0198f6c0-0000-7000-8000-000000000001"
	info, err := src.Files.Put(t.Context(), key, strings.NewReader(string(random)), 1<<30)
	must(t, err)
	src.content[key] = random
	c := src.Store.Client()
	c.Attachment.Create().SetTask(c.Task.Query().FirstX(t.Context())).SetUploader(src.bob).SetName("big.bin").SetSize(info.Size).SetContentType("application/octet-stream").
		SetSha256(info.SHA256).SetStorageKey(key).SetState("stored").SetCreatedAt(now).ExecX(t.Context())
	place := bucket(t)
	o, identity := options(t, place)
	made, err := backup.Run(t.Context(), src.Source, o)
	must(t, err)
	if !strings.HasPrefix(made.Where, "s3://backups/taskflow/acme/2026") || made.Size < 12<<20 {
		t.Errorf("it is %d bytes at %s", made.Size, made.Where)
	}
	list, err := place.List(t.Context(), "acme")
	must(t, err)
	if len(list) != 1 || list[0].Where != made.Where || list[0].Size != made.Size {
		t.Errorf("the bucket has %v", list)
	}
	into, _ := target(t, storetest.SQLite(t), "acme")
	_, err = backup.Restore(t.Context(), into, func() (io.ReadCloser, error) {
		object, err := place.Open(t.Context(), made.Where)
		if err != nil {
			return nil, err
		}
		return backup.Open(object, []age.Identity{identity})
	})
	must(t, err)
	same(t, src, into.Store, into.Files)
	if _, err := place.Open(t.Context(), made.Where+"x"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("what is not there: %v", err)
	}
	if _, err := place.Open(t.Context(), "s3://others/taskflow/acme/x"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("another bucket: %v", err)
	}
	// A run that fails leaves no object.
	o.Recipients = nil
	if _, err := backup.Run(t.Context(), src.Source, o); err == nil {
		t.Error("a backup for nobody")
	}
	if list, err = place.List(t.Context(), "acme"); err != nil || len(list) != 1 {
		t.Errorf("the bucket has %v, %v", list, err)
	}
}

// full is a disk that takes some bytes and no more.
type full struct {
	backup.Folder
	left int
}

type fullUpload struct {
	backup.Upload
	left *int
}

func (f *full) Create(ctx context.Context, client, name string) (backup.Upload, error) {
	u, err := f.Folder.Create(ctx, client, name)
	return &fullUpload{u, &f.left}, err
}

func (u *fullUpload) Write(p []byte) (int, error) {
	if *u.left -= len(p); *u.left < 0 {
		return 0, &os.PathError{Op: "write", Path: "backup", Err: syscall.ENOSPC}
	}
	return u.Upload.Write(p)
}

func TestAFailingDiskLeavesNothingHalf(t *testing.T) {
	src := newSource(t, storetest.SQLite(t), "acme")
	for _, room := range []int{0, 100, 5_000, 15_000} {
		place := &full{Folder: folder(t), left: room}
		o, _ := options(t, place)
		if _, err := backup.Run(t.Context(), src.Source, o); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("with %d bytes left: %v", room, err)
		}
		empty(t, filepath.Join(place.Directory, "acme"))
		empty(t, o.Scratch)
	}
}

// A disk that is really full: a small file system of its own, where this process may mount one.
func TestAFullDiskSaysSo(t *testing.T) {
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=8k"); err != nil {
		t.Skipf("%s is skipped: no file system can be mounted: %v", t.Name(), err)
	}
	defer syscall.Unmount(small, 0)
	src := newSource(t, storetest.SQLite(t), "acme")
	place := backup.Folder{Directory: small}
	o, _ := options(t, place)
	_, err := backup.Run(t.Context(), src.Source, o)
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("error is %v", err)
	}
	empty(t, filepath.Join(small, "acme"))
}

func TestABackupIsNeverOverwritten(t *testing.T) {
	place := folder(t)
	const name = "20260302T093015Z-0123456789ab.age"
	for i, want := range []bool{true, false} {
		u, err := place.Create(t.Context(), "acme", name)
		must(t, err)
		_, err = u.Write([]byte{byte(i)})
		must(t, err)
		if _, err = u.Commit(); (err == nil) != want {
			t.Errorf("the second of one name: %v", err)
		}
		must(t, u.Abort())
	}
	content, err := os.ReadFile(filepath.Join(place.Directory, "acme", name))
	if err != nil || len(content) != 1 || content[0] != 0 {
		t.Errorf("it is %v, %v", content, err)
	}
	for _, client := range []string{"", "..", "../acme", "a/b", "Acme"} {
		if _, err := place.Create(t.Context(), client, name); err == nil {
			t.Errorf("client %q has a folder", client)
		}
		if _, err := place.List(t.Context(), client); err == nil {
			t.Errorf("client %q is listed", client)
		}
	}
}
