package exchange

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/fault"
)

// archive is everything in one zip. It is written from its beginning to its end, so that it needs no room but for the names of its files.
type archive struct {
	x        *Exchange
	snapshot *snapshot
	watch    *watch
	who      actor.Actor
	at       time.Time
	zip      *zip.Writer
	manifest manifest
}

// manifest says what is in an archive, so that whoever has it can tell that it is whole.
type manifest struct {
	Format  string           `json:"format"`
	Client  string           `json:"client"`
	At      time.Time        `json:"at"`
	By      string           `json:"by"`
	Rows    map[string]int64 `json:"rows"`
	Files   []packed         `json:"files"`
	Missing []missing        `json:"missing"` // attachments that are listed, and whose content was not there
}

type packed struct {
	Path   string `json:"path"`
	Rows   *int64 `json:"rows,omitempty"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

type missing struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

func (a *archive) write(ctx context.Context, to io.Writer, all []table, attachments bool) error {
	a.zip = zip.NewWriter(to)
	a.manifest = manifest{Format: formatName, Client: a.x.o.Client, At: a.at, By: a.who.Name, Rows: map[string]int64{}, Files: []packed{}, Missing: []missing{}}
	if err := a.file("README.txt", a.at, zip.Deflate, nil, func(w io.Writer) error {
		_, err := io.WriteString(w, readme(a.x.o.Client, a.at.Format(time.RFC3339), all))
		return err
	}); err != nil {
		return err
	}
	for _, t := range all {
		for _, format := range []Format{CSV, JSON} {
			a.watch.twice = format == JSON
			before := a.watch.result.Rows
			rows := a.manifest.Rows[t.name]
			if err := a.file(string(format)+"/"+t.name+"."+string(format), a.at, zip.Deflate, &rows, func(w io.Writer) error {
				if err := a.watch.table(ctx, a.snapshot, w, format, t); err != nil {
					return err
				}
				if !a.watch.twice {
					rows = a.watch.result.Rows - before
					a.manifest.Rows[t.name] = rows
				}
				return nil
			}); err != nil {
				return err
			}
		}
	}
	if attachments {
		if err := attachmentsOf(ctx, a.snapshot, func(row *ent.Attachment, at string) error { return a.attachment(ctx, row, at) }); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(a.manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: "manifest.json", Method: zip.Deflate, Modified: a.at})
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	if err == nil {
		err = a.zip.Close()
	}
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return nil
}

// file packs one file and notes what it was.
func (a *archive) file(name string, at time.Time, method uint16, rows *int64, fill func(io.Writer) error) error {
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: at.UTC()})
	if err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	sum := &counted{w: w, sum: sha256.New()}
	if err := fill(sum); err != nil {
		return err
	}
	a.manifest.Files = append(a.manifest.Files, packed{Path: name, Rows: rows, Bytes: sum.n, SHA256: hex.EncodeToString(sum.sum.Sum(nil))})
	return nil
}

// attachment packs the content of an attachment. One whose content is not there, because it was removed after the moment of the export or
// was lost, is named in the manifest; a storage that does not answer ends the export.
func (a *archive) attachment(ctx context.Context, row *ent.Attachment, at string) error {
	a.watch.doing = at
	if err := a.snapshot.tick(ctx); err != nil {
		return err
	}
	content, err := a.x.o.Files.Open(ctx, row.StorageKey)
	if fault.Is(err, fault.NotFound) {
		a.lacks(at, "its content was removed meanwhile, or is lost")
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the content of %s: %w", at, err)
	}
	err = a.file(at, row.CreatedAt, methodOf(row.ContentType), nil, func(w io.Writer) error {
		if _, err := io.Copy(w, &whileWanted{ctx, content}); err != nil {
			return fmt.Errorf("pack the content of %s: %w", at, err)
		}
		return nil
	})
	if err := errors.Join(err, content.Close()); err != nil {
		return err
	}
	a.watch.result.Files++
	if got := a.manifest.Files[len(a.manifest.Files)-1]; row.Sha256 != "" && got.SHA256 != row.Sha256 {
		a.lacks(at, "its content is not what was sent: it is packed as it is")
	}
	return nil
}

func (a *archive) lacks(at, why string) {
	a.manifest.Missing = append(a.manifest.Missing, missing{at, why})
	a.watch.result.Missing++
}

// methodOf packs what can be made smaller.
func methodOf(contentType string) uint16 {
	for _, kind := range []string{"text/", "application/json", "application/xml", "image/svg", "image/bmp"} {
		if strings.HasPrefix(contentType, kind) {
			return zip.Deflate
		}
	}
	return zip.Store
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
