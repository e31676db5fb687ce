package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/berth-iac/berth/machine/bundle"
)

// repack copies an archive, with a change of its members.
func repack(t testing.TB, archive []byte, change func(h *tar.Header, content string) (string, bool), more ...tar.Header) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	from, to := tar.NewReader(z), tar.NewWriter(zw)
	write := func(h *tar.Header, content string) {
		h.Size = int64(len(content))
		if err := to.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(to, content); err != nil {
			t.Fatal(err)
		}
	}
	for {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		if text, keep := change(h, string(content)); keep {
			write(h, text)
		}
	}
	for _, h := range more {
		write(&h, "")
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func same(_ *tar.Header, content string) (string, bool) { return content, true }

func TestOpenRefusesWhatArchiveDoesNotMake(t *testing.T) {
	good, err := sample().Archive()
	if err != nil {
		t.Fatal(err)
	}
	replace := func(name, old, with string) func(*tar.Header, string) (string, bool) {
		return func(h *tar.Header, content string) (string, bool) {
			if h.Name == name {
				content = strings.ReplaceAll(content, old, with)
			}
			return content, true
		}
	}
	for name, tc := range map[string]struct {
		archive []byte
		want    string
	}{
		"no gzip":       {[]byte("PK"), "read a bundle's archive"},
		"cut off":       {good[:len(good)/2], "read a bundle's archive"},
		"traversal":     {repack(t, good, same, tar.Header{Typeflag: tar.TypeReg, Name: "files/../../etc/passwd"}), "leads out"},
		"absolute":      {repack(t, good, same, tar.Header{Typeflag: tar.TypeReg, Name: "/etc/passwd"}), "leads out"},
		"link":          {repack(t, good, same, tar.Header{Typeflag: tar.TypeSymlink, Name: "files/x", Linkname: "/etc"}), "no plain file"},
		"twice":         {repack(t, good, same, tar.Header{Typeflag: tar.TypeReg, Name: "name"}), "stands twice"},
		"stranger":      {repack(t, good, same, tar.Header{Typeflag: tar.TypeReg, Name: "files/etc/more"}), "belongs to no bundle"},
		"file changed":  {repack(t, good, replace("files/etc/app/a.conf", "one", "two")), "not what its digest says"},
		"step changed":  {repack(t, good, replace("steps/20-disks", "setting", "rm -rf")), "was changed"},
		"mode changed":  {repack(t, good, replace("manifest", "0600", "4755")), "was changed"},
		"owner strange": {repack(t, good, replace("manifest", "root:root", "root")), "user:group"},
		"no manifest": {repack(t, good, func(h *tar.Header, content string) (string, bool) { return content, h.Name != "manifest" }),
			"manifest is missing"},
		"manifest torn": {repack(t, good, replace("manifest", "\t", " ")), "is not mode, owner"},
		"units torn":    {repack(t, good, replace("units", "\t", " ")), "is not name, state"},
	} {
		if _, err := bundle.Open(tc.archive); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: err = %v, want %q", name, err, tc.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	good, err := sample().Archive()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:100])
	f.Fuzz(func(t *testing.T, archive []byte) {
		b, err := bundle.Open(archive)
		if err != nil {
			return
		}
		if err := b.Check(); err != nil {
			t.Errorf("Open took what Check refuses: %v", err)
		}
	})
}
