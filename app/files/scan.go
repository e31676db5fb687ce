package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // the size of a GIF
	_ "image/jpeg" // of a JPEG
	_ "image/png"  // of a PNG
	"io"
	"mime"
	"path"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
	_ "golang.org/x/image/webp" // of a WebP

	"github.com/berth-iac/berth/app/fault"
)

// Rules are what may be attached.
type Rules struct {
	Types       []string // of Types; an empty list allows nothing
	MaxBytes    int64    // of one file
	MaxPixels   int64    // of one image
	MaxEntries  int      // of one archive, which office documents are too
	MaxUnpacked int64    // bytes of all that is in one archive
	MaxRatio    int64    // how many times an archive may grow when it is unpacked
}

// DefaultRules allow all of Types, files of 25 MiB, images of 50 megapixels, archives of 2,000 files and 200 MiB that grow at most a
// hundredfold.
func DefaultRules() Rules {
	return Rules{Types: Types(), MaxBytes: 25 << 20, MaxPixels: 50_000_000, MaxEntries: 2000, MaxUnpacked: 200 << 20, MaxRatio: 100}
}

// kind is how one type of content is treated.
type kind struct {
	extensions []string // that its name may have; the first is added to a name that has none
	image      bool
	archive    bool
	text       bool
}

// kinds are the types that can be allowed at all. HTML, programs, scripts and office documents with macros are not among them.
var kinds = map[string]kind{
	"image/png":        {extensions: []string{".png"}, image: true},
	"image/jpeg":       {extensions: []string{".jpg", ".jpeg", ".jfif"}, image: true},
	"image/gif":        {extensions: []string{".gif"}, image: true},
	"image/webp":       {extensions: []string{".webp"}, image: true},
	"image/svg+xml":    {extensions: []string{".svg"}},
	"application/pdf":  {extensions: []string{".pdf"}},
	"text/plain":       {extensions: []string{".txt", ".md", ".log", ".csv", ".tsv", ".json", ".yaml", ".yml", ".diff", ".patch", ".ics", ".vcf", ".srt"}, text: true},
	"text/csv":         {extensions: []string{".csv", ".txt"}, text: true},
	"application/json": {extensions: []string{".json", ".geojson", ".txt"}, text: true},
	"application/zip":  {extensions: []string{".zip"}, archive: true},
	"video/mp4":        {extensions: []string{".mp4", ".m4v"}},
	"video/webm":       {extensions: []string{".webm"}},
	"audio/mpeg":       {extensions: []string{".mp3"}},
	"audio/wav":        {extensions: []string{".wav"}},
	"audio/ogg":        {extensions: []string{".ogg", ".oga"}},
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   {extensions: []string{".docx"}, archive: true},
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         {extensions: []string{".xlsx"}, archive: true},
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": {extensions: []string{".pptx"}, archive: true},
	"application/vnd.oasis.opendocument.text":                                   {extensions: []string{".odt"}, archive: true},
	"application/vnd.oasis.opendocument.spreadsheet":                            {extensions: []string{".ods"}, archive: true},
	"application/vnd.oasis.opendocument.presentation":                           {extensions: []string{".odp"}, archive: true},
}

// relatives are types that a library tells from text by a hint, and that are kept as text.
var relatives = map[string]string{
	"text/tab-separated-values": "text/plain", "text/calendar": "text/plain", "text/vcard": "text/plain", "application/x-subrip": "text/plain",
	"application/geo+json": "application/json", "application/x-ndjson": "text/plain", "application/subrip": "text/plain",
}

// Types are all that can be allowed.
func Types() []string {
	all := make([]string, 0, len(kinds))
	for name := range kinds {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// Scanned is a file that may be kept.
type Scanned struct {
	Name string // clean, with an extension that fits
	Type string // what it is, whatever it was said to be
}

const head = 3072

// Scan tells what a file is, and whether it may be kept. name and declared, a media type or "", are what the sender says of it. What
// is wrong is fault.BadInput or fault.TooLarge of field "file", all that were found joined. Nothing is unpacked to disk or memory, and
// no image is decoded.
func Scan(ctx context.Context, content io.ReaderAt, length int64, name, declared string, rules Rules) (Scanned, error) {
	if length > rules.MaxBytes {
		return Scanned{}, tooLarge(rules.MaxBytes)
	}
	if length <= 0 {
		return Scanned{}, refuse("it is empty", "choose another file")
	}
	start := make([]byte, min(length, head))
	if _, err := content.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
		return Scanned{}, fmt.Errorf("read a file: %w", err)
	}
	s := Scanned{Name: CleanName(name), Type: detect(start)}
	k, known := kinds[s.Type]
	if !known || !slices.Contains(rules.Types, s.Type) {
		return Scanned{}, refuse("files of this kind cannot be attached", "attach a picture, a document, a text or a zip archive, or share a link")
	}
	var all []error
	switch ext := strings.ToLower(path.Ext(s.Name)); {
	case ext == "":
		s.Name += k.extensions[0]
	case s.Type == "application/zip" && officeExtension(ext) && slices.ContainsFunc(rules.Types, func(t string) bool { return slices.Contains(kinds[t].extensions, ext) }):
		// The library did not see in the first bytes which kind of document it is; the archive is looked at all the same.
	case !slices.Contains(k.extensions, ext):
		all = append(all, refuse(fmt.Sprintf("its name ends in %s, and that is not what it holds", ext), "give it the ending "+k.extensions[0]))
	}
	if err := agrees(declared, k); err != nil {
		all = append(all, err)
	}
	if err := inspect(ctx, content, length, start, s.Type, k, rules); err != nil {
		all = append(all, err)
	}
	if err := errors.Join(all...); err != nil {
		return Scanned{}, err
	}
	return s, nil
}

func refuse(msg, fix string) error { return fault.BadInput("file", msg, fix) }

func officeExtension(ext string) bool {
	return slices.Contains([]string{".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp"}, ext)
}

// detect names the type by content alone. What is a special kind of another, such as HTML of text or Java's archives of zip, is not
// taken for the other.
func detect(start []byte) string {
	base, _, err := mime.ParseMediaType(mimetype.Detect(start).String())
	if err != nil {
		return "application/octet-stream"
	}
	if relative, found := relatives[base]; found {
		return relative
	}
	return base
}

// agrees tells whether what the sender calls it can be what it is. Browsers call many things application/octet-stream, and a table
// application/vnd.ms-excel; only what would be dangerous or is plainly wrong is refused.
func agrees(declared string, k kind) error {
	base, _, err := mime.ParseMediaType(declared)
	if declared == "" || base == "application/octet-stream" {
		return nil
	}
	class, _, _ := strings.Cut(base, "/")
	isImage := k.image || k.extensions[0] == ".svg"
	if err != nil || (class == "image") != isImage || class == "video" && k.text || base == "text/html" || strings.Contains(base, "script") || base == "application/xhtml+xml" {
		return refuse("it is not what it is said to be", "attach it under its own name")
	}
	return nil
}

// inspect looks at what each kind can do harm with.
func inspect(ctx context.Context, content io.ReaderAt, length int64, start []byte, name string, k kind, rules Rules) error {
	switch {
	case k.image:
		return inspectImage(ctx, content, length, rules)
	case k.archive:
		return inspectArchive(ctx, content, length, rules)
	case name == "image/svg+xml":
		return inspectSVG(ctx, content, length)
	case k.text:
		if markup(start) {
			return refuse("it is a web page", "attach a text without HTML, or share a link")
		}
	case name == "application/pdf":
		if !bytes.HasPrefix(start, []byte("%PDF-")) || markup(start) {
			return two()
		}
		return noArchiveBehind(content, length)
	}
	return nil
}

func two() error {
	return refuse("it is two kinds of file at once", "export it again from the program that it was made with")
}

// markup tells whether a browser might take the beginning for a page.
func markup(start []byte) bool {
	text := bytes.ToLower(bytes.ReplaceAll(start[:min(len(start), 1024)], []byte{0}, nil)) // without the zeros of UTF-16
	for _, mark := range []string{"<!doctype html", "<html", "<head", "<body", "<script", "<iframe", "<svg", "<?php", "<?xml-stylesheet"} {
		if bytes.Contains(text, []byte(mark)) {
			return true
		}
	}
	return false
}

func inspectImage(ctx context.Context, content io.ReaderAt, length int64, rules Rules) error {
	config, _, err := image.DecodeConfig(io.NewSectionReader(content, 0, length))
	if err != nil {
		return refuse("it is a damaged image", "save it again")
	}
	if config.Width <= 0 || config.Height <= 0 || int64(config.Width)*int64(config.Height) > rules.MaxPixels {
		return fault.Oversize("file", fmt.Sprintf("it is an image of %d × %d points", config.Width, config.Height), fmt.Sprintf("make it smaller: at most %d million points", rules.MaxPixels/1_000_000))
	}
	if err := noArchiveBehind(content, length); err != nil {
		return err
	}
	found, err := contains(ctx, content, length, "<script", "<?php", "<!doctype html", "<html")
	if err != nil {
		return err
	}
	if found {
		return two()
	}
	return nil
}

// noArchiveBehind refuses what has a zip archive appended: programs for Java and some others are started that way.
func noArchiveBehind(content io.ReaderAt, length int64) error {
	tail := make([]byte, min(length, 22+65535))
	if _, err := content.ReadAt(tail, length-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the end of a file: %w", err)
	}
	for at := bytes.LastIndex(tail, []byte(endOfDirectory)); at >= 0; at = bytes.LastIndex(tail[:at], []byte(endOfDirectory)) {
		if len(tail)-at >= 22 { // four bytes may come by chance; those that follow say whether there is an archive
			comment := int(tail[at+20]) | int(tail[at+21])<<8
			if at+22+comment <= len(tail) {
				return two()
			}
		}
	}
	return nil
}

// contains searches without regard to case.
func contains(ctx context.Context, content io.ReaderAt, length int64, marks ...string) (bool, error) {
	const window, overlap = 64 << 10, 32
	buf := make([]byte, window)
	for at := int64(0); at < length; at += window - overlap {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n, err := content.ReadAt(buf[:min(window, length-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("read a file: %w", err)
		}
		low := lowerASCII(buf[:n])
		for _, mark := range marks {
			if bytes.Contains(low, []byte(mark)) {
				return true, nil
			}
		}
	}
	return false, nil
}

// lowerASCII changes b: bytes.ToLower would take the bytes of an image for letters.
func lowerASCII(b []byte) []byte {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}
