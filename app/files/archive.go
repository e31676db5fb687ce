package files

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/berth-iac/berth/app/fault"
)

const (
	endOfDirectory = "PK\x05\x06"
	entryMark      = "PK\x01\x02"
)

// inspectArchive reads through a zip archive, and through what is packed in it no further than it says that it goes. An archive that
// lies about its sizes, whose files share their bytes, or that holds archives, is refused.
func inspectArchive(ctx context.Context, content io.ReaderAt, length int64, rules Rules) error {
	damaged := refuse("it is a damaged archive", "pack it again")
	// The directory is read into memory as a whole, so that its length is looked at before.
	marks, err := count(ctx, content, length, entryMark)
	if err != nil {
		return err
	}
	if marks > rules.MaxEntries {
		return fault.Oversize("file", fmt.Sprintf("it is an archive of more than %d files", rules.MaxEntries), "split it")
	}
	archive, err := zip.NewReader(io.NewSectionReader(content, 0, length), length)
	if err != nil {
		return damaged
	}
	var unpacked uint64
	type span struct{ from, to int64 }
	var spans []span
	for _, f := range archive.File {
		name := strings.ReplaceAll(f.Name, `\`, "/")
		switch {
		case path.IsAbs(name) || strings.ContainsRune(name, 0) || slices.Contains(strings.Split(name, "/"), "..") || len(name) > 1 && name[1] == ':':
			return refuse("it is an archive that writes outside of its folder", "pack it again")
		case f.Mode()&fs.ModeSymlink != 0 || f.Mode()&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket) != 0:
			return refuse("it is an archive with links", "pack it without them")
		case f.Flags&1 != 0:
			return refuse("it is an archive with a password", "pack it without one")
		case strings.EqualFold(path.Base(name), "vbaProject.bin"):
			return refuse("it is a document with macros", "save it without macros")
		}
		unpacked += f.UncompressedSize64
		if f.UncompressedSize64 > uint64(rules.MaxUnpacked) || unpacked > uint64(rules.MaxUnpacked) || unpacked > uint64(length)*uint64(rules.MaxRatio) { //nolint:gosec // limits and lengths are positive
			return fault.Oversize("file", "it is an archive that grows too much when it is unpacked", "attach what it holds")
		}
		from, err := f.DataOffset()
		if err != nil || f.CompressedSize64 > uint64(length) { //nolint:gosec // a length is positive
			return damaged
		}
		if f.CompressedSize64 > 0 {
			spans = append(spans, span{from, from + int64(f.CompressedSize64)}) //nolint:gosec // it is at most length
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return int(min(max(a.from-b.from, -1), 1)) })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			return refuse("it is an archive whose files share their bytes", "pack it again")
		}
	}
	for _, f := range archive.File {
		if err := inspectEntry(ctx, f, damaged); err != nil {
			return err
		}
	}
	return nil
}

// inspectEntry reads one packed file and forgets it.
func inspectEntry(ctx context.Context, f *zip.File, damaged error) error {
	if strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 {
		return nil
	}
	r, err := f.Open()
	if err != nil {
		return damaged
	}
	defer r.Close() //nolint:errcheck // it is only read
	start := make([]byte, 8)
	n, err := io.ReadFull(r, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged
	}
	for _, magic := range []string{"PK\x03\x04", endOfDirectory, "\x1f\x8b", "7z\xbc\xaf\x27\x1c", "Rar!", "\xfd7zXZ\x00", "BZh", "\x28\xb5\x2f\xfd"} {
		if bytes.HasPrefix(start[:n], []byte(magic)) {
			return refuse("it is an archive that holds archives", "attach them one by one")
		}
	}
	// The reader ends with an error where there is more, or other, than the archive says.
	m, err := io.Copy(io.Discard, io.LimitReader(&whileWanted{ctx, r}, int64(f.UncompressedSize64)+1)) //nolint:gosec // it was compared with the limit
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil || uint64(m)+uint64(n) != f.UncompressedSize64 { //nolint:gosec // counts are positive
		return damaged
	}
	return nil
}

// count says how often a mark occurs, and stops where that is more than an archive can have.
func count(ctx context.Context, content io.ReaderAt, length int64, mark string) (int, error) {
	const window = 256 << 10
	buf := make([]byte, window)
	n := 0
	for at := int64(0); at < length; at += window - int64(len(mark)) + 1 {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		m, err := content.ReadAt(buf[:min(window, length-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("read a file: %w", err)
		}
		n += bytes.Count(buf[:m], []byte(mark))
	}
	return n, nil
}

// SVG is text that can do what a page can. What is left when that is refused is a drawing.
const maxSVG = 5 << 20

func inspectSVG(ctx context.Context, content io.ReaderAt, length int64) error {
	active := refuse("it is a drawing with scripts, links or references", "export it as a plain SVG, or as PNG")
	if length > maxSVG {
		return tooLarge(maxSVG)
	}
	d := xml.NewDecoder(&whileWanted{ctx, io.NewSectionReader(content, 0, length)})
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return refuse("it is a damaged drawing", "export it again")
		}
		switch token := token.(type) {
		case xml.Directive: // entities can be made to grow, and to read other files
			if !bytes.HasPrefix(token, []byte("DOCTYPE svg")) || bytes.ContainsAny(token, "[&%") {
				return active
			}
		case xml.ProcInst:
			if token.Target != "xml" {
				return active
			}
		case xml.StartElement:
			if depth++; depth > 200 {
				return active
			}
			if !drawing(token) {
				return active
			}
		case xml.EndElement:
			depth--
		case xml.CharData: // of a style
			if low := bytes.ToLower(token); bytes.Contains(low, []byte("@import")) || bytes.Contains(low, []byte("url(")) || bytes.Contains(low, []byte("javascript:")) {
				return active
			}
		}
	}
}

// drawing tells whether an element only draws.
func drawing(e xml.StartElement) bool {
	switch strings.ToLower(e.Name.Local) {
	case "script", "foreignobject", "iframe", "embed", "object", "handler", "listener", "animate", "animatetransform", "animatemotion", "set", "html", "body", "meta", "link", "audio", "video":
		return false
	}
	for _, a := range e.Attr {
		name, value := strings.ToLower(a.Name.Local), strings.ToLower(strings.Map(func(r rune) rune {
			if r <= ' ' {
				return -1
			}
			return r
		}, a.Value))
		switch {
		case strings.HasPrefix(name, "on"):
			return false
		case (name == "href" || name == "src") && !strings.HasPrefix(value, "#") && !strings.HasPrefix(value, "data:image/png") && !strings.HasPrefix(value, "data:image/jpeg"):
			return false
		case strings.Contains(value, "javascript:"), strings.Contains(value, "url(") && !strings.Contains(value, "url(#") && !strings.Contains(value, "url('#") && !strings.Contains(value, `url("#`):
			return false
		}
	}
	return true
}
