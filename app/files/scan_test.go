package files_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"mime"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
)

func pngOf(w, h int) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)))
	return b.Bytes()
}

// hugePNG says that it is wide and high, and is not.
func hugePNG(w, h uint32) []byte {
	b := pngOf(1, 1)
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func zipOf(entries ...string) []byte { // name, content, name, content …
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		f, _ := w.Create(entries[i])
		_, _ = io.WriteString(f, entries[i+1])
	}
	_ = w.Close()
	return b.Bytes()
}

// lyingZip packs more than it says.
func lyingZip() []byte {
	var packed bytes.Buffer
	d, _ := flate.NewWriter(&packed, flate.BestCompression)
	_, _ = d.Write(make([]byte, 10<<20))
	_ = d.Close()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, _ := w.CreateRaw(&zip.FileHeader{Name: "small.txt", Method: zip.Deflate, CompressedSize64: uint64(packed.Len()), UncompressedSize64: 100})
	_, _ = f.Write(packed.Bytes())
	_ = w.Close()
	return b.Bytes()
}

// overlapping has a directory in which every entry points at the same bytes.
func overlapping(t testing.TB, n int) []byte {
	one := zipOf("a.txt", strings.Repeat("x", 1000))
	end := bytes.LastIndex(one, []byte("PK\x05\x06"))
	start := bytes.Index(one, []byte("PK\x01\x02"))
	if end < 0 || start < 0 {
		t.Fatal("no directory")
	}
	out := bytes.Clone(one[:start])
	for range n {
		out = append(out, one[start:end]...)
	}
	tail := bytes.Clone(one[end:])
	binary.LittleEndian.PutUint16(tail[8:], uint16(n))
	binary.LittleEndian.PutUint16(tail[10:], uint16(n))
	binary.LittleEndian.PutUint32(tail[12:], uint32(n*(end-start)))
	return append(out, tail...)
}

func docx(extra ...string) []byte {
	return zipOf(append([]string{"[Content_Types].xml", "<Types/>", "_rels/.rels", "<x/>", "word/document.xml", "<w:document/>"}, extra...)...)
}

func scan(content []byte, name, declared string) (files.Scanned, error) {
	return files.Scan(context.Background(), bytes.NewReader(content), int64(len(content)), name, declared, files.DefaultRules())
}

func TestScanKeepsWhatPeopleAttach(t *testing.T) {
	var jpg, anim bytes.Buffer
	_ = jpeg.Encode(&jpg, image.NewGray(image.Rect(0, 0, 9, 9)), nil)
	_ = gif.Encode(&anim, image.NewPaletted(image.Rect(0, 0, 9, 9), color.Palette{color.Black, color.White}), nil)
	for _, tc := range []struct {
		content        []byte
		name, declared string
		wantName       string
		wantType       string
	}{
		{pngOf(10, 10), "a.png", "image/png", "a.png", "image/png"},
		{pngOf(10, 10), `C:\pictures\a`, "", "a.png", "image/png"},
		{jpg.Bytes(), "a.JPG", "image/jpeg", "a.JPG", "image/jpeg"},
		{anim.Bytes(), "a.gif", "image/gif", "a.gif", "image/gif"},
		{[]byte("%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"), "a.pdf", "application/pdf", "a.pdf", "application/pdf"},
		{[]byte("hello\nworld"), "notes.md", "text/markdown", "notes.md", "text/plain"},
		{[]byte("a,b\n1,2\n3,4\n"), "a.csv", "application/vnd.ms-excel", "a.csv", "text/csv"},
		{[]byte(`{"a": [1, 2]}`), "a.json", "application/json", "a.json", "application/json"},
		{zipOf("a.txt", "hello", "b/c.txt", "x"), "a.zip", "application/x-zip-compressed", "a.zip", "application/zip"},
		{docx(), "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{[]byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/><use href="#a"/></svg>`), "a.svg", "image/svg+xml", "a.svg", "image/svg+xml"},
	} {
		got, err := scan(tc.content, tc.name, tc.declared)
		if err != nil || got.Name != tc.wantName || got.Type != tc.wantType {
			t.Errorf("%s: %+v, %v", tc.name, got, err)
		}
	}
}

// hostile are files that pretend, or that do harm where they are opened.
func hostile(t testing.TB) map[string]struct {
	content        []byte
	name, declared string
} {
	png, svg := pngOf(4, 4), func(s string) []byte { return []byte(`<svg xmlns="http://www.w3.org/2000/svg">` + s + `</svg>`) }
	type file = struct {
		content        []byte
		name, declared string
	}
	many := make([]string, 0, 5000)
	for i := range 2500 {
		many = append(many, fmt.Sprint(i), "")
	}
	return map[string]file{
		"empty":                      {nil, "a.txt", ""},
		"ELF":                        {append([]byte("\x7fELF\x02\x01\x01\x00"), make([]byte, 100)...), "a.txt", ""},
		"Windows program":            {append([]byte("MZ\x90\x00"), make([]byte, 200)...), "a.png", "image/png"},
		"shell script":               {[]byte("#!/bin/sh\nrm -rf /\n"), "a.txt", "text/plain"},
		"script's name":              {[]byte("hello"), "a.ps1", ""},
		"page":                       {[]byte("<!DOCTYPE html><html><script>x</script>"), "a.txt", "text/plain"},
		"page behind text":           {[]byte("hello\n\n<script>alert(1)</script>"), "a.txt", "text/plain"},
		"page in UTF-16":             {[]byte("\xff\xfe<\x00s\x00c\x00r\x00i\x00p\x00t\x00>\x00"), "a.txt", ""},
		"page's name":                {[]byte("hello"), "a.html", "text/html"},
		"page's type":                {[]byte("hello"), "a.txt", "text/html"},
		"PNG that is called PDF":     {png, "a.pdf", ""},
		"PDF that is called PNG":     {[]byte("%PDF-1.7\n"), "a.png", "image/png"},
		"PNG that is said to be PDF": {png, "a.png", "application/pdf"},
		"PNG that is said a script":  {png, "a.png", "application/javascript"},
		"PNG and a page":             {append(bytes.Clone(png), "<ScRiPt>alert(1)</script>"...), "a.png", "image/png"},
		"PNG and PHP":                {append(bytes.Clone(png), "<?php system('x')"...), "a.png", "image/png"},
		"PNG and a zip archive":      {append(bytes.Clone(png), zipOf("a", "b")...), "a.png", "image/png"},
		"PDF and a zip archive":      {append([]byte("%PDF-1.7\n"), zipOf("a", "b")...), "a.pdf", "application/pdf"},
		"PDF that begins as a page":  {[]byte("<html>\n%PDF-1.7\n"), "a.pdf", "application/pdf"},
		"image bomb":                 {hugePNG(100_000, 100_000), "a.png", "image/png"},
		"widest image":               {hugePNG(1<<31-1, 1<<31-1), "a.png", "image/png"},
		"image of no size":           {hugePNG(0, 1), "a.png", "image/png"},
		"half an image":              {png[:20], "a.png", "image/png"},
		"SVG with a script":          {svg("<script>alert(1)</script>"), "a.svg", "image/svg+xml"},
		"SVG with an event":          {svg(`<path onload="alert(1)"/>`), "a.svg", ""},
		"SVG with a link":            {svg(`<a href="java&#x0A;script:alert(1)"><path/></a>`), "a.svg", ""},
		"SVG with HTML":              {svg(`<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>`), "a.svg", ""},
		"SVG with a picture":         {svg(`<image href="https://x.example/a.png"/>`), "a.svg", ""},
		"SVG with a style":           {svg(`<style>@import 'https://x.example'</style>`), "a.svg", ""},
		"SVG with entities":          {append([]byte(`<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>`), svg("&b;")...), "a.svg", ""},
		"deep SVG":                   {svg(strings.Repeat("<g>", 500) + strings.Repeat("</g>", 500)), "a.svg", ""},
		"half an SVG":                {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><path`), "a.svg", ""},
		"zip bomb":                   {zipOf("zeros", strings.Repeat("\x00", 50<<20)), "a.zip", ""},
		"document that is a bomb":    {docx("word/zeros.xml", strings.Repeat("\x00", 50<<20)), "a.docx", ""},
		"zip that lies":              {lyingZip(), "a.zip", ""},
		"zip that shares its bytes":  {overlapping(t, 100), "a.zip", ""},
		"zip with many files":        {zipOf(many...), "a.zip", ""},
		"zip in a zip":               {zipOf("b.zip", string(zipOf("a", "b"))), "a.zip", ""},
		"zip in a zip, disguised":    {zipOf("b.txt", string(zipOf("a", "b"))), "a.zip", ""},
		"gzip in a zip":              {zipOf("b", "\x1f\x8b\x08\x00xxxx"), "a.zip", ""},
		"zip that leaves its folder": {zipOf("../../etc/cron.d/x", "x"), "a.zip", ""},
		"zip for Windows":            {zipOf(`..\..\x`, "x"), "a.zip", ""},
		"zip with an absolute name":  {zipOf("/etc/x", "x"), "a.zip", ""},
		"document with macros":       {docx("word/vbaProject.bin", "x"), "a.docx", ""},
		"half a zip":                 {zipOf("a", "hello")[:40], "a.zip", ""},
		"Java program":               {zipOf("META-INF/MANIFEST.MF", "x", "A.class", "x"), "a.jar", ""},
		"zip that is called a page":  {zipOf("a", "b"), "a.html", ""},
		"archive of Unix":            {[]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00"), "a.gz", ""},
		"no extension, no kind":      {[]byte{0, 1, 2, 3, 4, 5, 6, 7}, "a", ""},
	}
}

func TestScanRefusesWhatPretends(t *testing.T) {
	for name, f := range hostile(t) {
		began := time.Now()
		got, err := scan(f.content, f.name, f.declared)
		if k := fault.KindOf(err); err == nil || k != fault.Invalid && k != fault.TooLarge {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		for _, p := range fault.Problems(err) {
			if p.Field != "file" || p.Fix == "" {
				t.Errorf("%s: %+v", name, p)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	if _, err := files.Scan(t.Context(), bytes.NewReader([]byte("hello")), 5, "a.txt", "", files.Rules{MaxBytes: 100}); err == nil {
		t.Error("rules without types allow a file")
	}
	rules := files.DefaultRules()
	rules.MaxBytes = 4
	if _, err := files.Scan(t.Context(), bytes.NewReader([]byte("hello")), 5, "a.txt", "", rules); !fault.Is(err, fault.TooLarge) {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := files.Scan(gone, bytes.NewReader(zipOf("a", "b")), int64(len(zipOf("a", "b"))), "a.zip", "", files.DefaultRules()); err == nil || fault.Is(err, fault.Invalid) {
		t.Errorf("after the caller went away: %v", err)
	}
}

func TestCleanName(t *testing.T) {
	for name, want := range map[string]string{
		"report.pdf": "report.pdf", "": "file", "..": "file", ".htaccess": "htaccess", "../../etc/passwd": "passwd", `C:\x\y.txt`: "y.txt",
		"a\r\nSet-Cookie: x.txt": "aSet-Cookie_ x.txt", "a\x00.png": "a.png", "invoice\u202Efdp.exe": "invoicefdp.exe", "con.txt": "_con.txt", "NUL": "_NUL",
		"a  .txt ": "a.txt", "\xff.txt": "_.txt", "für uns.pdf": "für uns.pdf", "u\u0308.pdf": "ü.pdf", `"quoted".txt`: "_quoted_.txt", "a/": "file", "...": "file",
		strings.Repeat("ü", 300) + ".pdf": strings.Repeat("ü", 73) + ".pdf", "com1.tar.gz": "_com1.tar.gz", "a." + strings.Repeat("x", 50): "a." + strings.Repeat("x", 50),
	} {
		if got := files.CleanName(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func TestHeadersNeverShowAFile(t *testing.T) {
	for name, want := range map[string]string{
		"a.pdf":                  `attachment; filename="a.pdf"; filename*=UTF-8''a.pdf`,
		"für uns 100%.pdf":       `attachment; filename="f_r uns 100_.pdf"; filename*=UTF-8''f%C3%BCr%20uns%20100%25.pdf`,
		"a\"; filename=\"b.html": `attachment; filename="a_; filename=_b.html"; filename*=UTF-8''a_%3B%20filename%3D_b.html`,
		"a\r\nX: y":              `attachment; filename="aX_ y"; filename*=UTF-8''aX_%20y`,
	} {
		h := http.Header{}
		files.Headers(h, name, "text/html")
		if got := h.Get("Content-Disposition"); got != want {
			t.Errorf("%q\n got %s\nwant %s", name, got, want)
		}
		if h.Get("Content-Type") != "application/octet-stream" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%v", h)
		}
	}
	h := http.Header{}
	if files.Headers(h, "a.png", "image/png"); h.Get("Content-Type") != "image/png" {
		t.Error(h)
	}
	if files.Headers(h, "a.svg", "image/svg+xml"); h.Get("Content-Type") != "application/octet-stream" {
		t.Error(h)
	}
}

func FuzzCleanName(f *testing.F) {
	for _, seed := range []string{"", "a.txt", "../x", "con", "\u202e", strings.Repeat("é", 200), "a\r\nb", "a." + strings.Repeat("b", 30)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := files.CleanName(name)
		if got == "" || len(got) > 160 || !utf8.ValidString(got) || strings.ContainsAny(got, "/\\\"<>:|?*\r\n\x00") || got == "." || got == ".." || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("%q is %q", name, got)
		}
		if again := files.CleanName(got); again != got {
			t.Errorf("%q is %q, and that is %q", name, got, again)
		}
		h := http.Header{}
		files.Headers(h, name, "")
		kind, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
		if err != nil || kind != "attachment" || params["filename"] != got {
			t.Errorf("%q gives the header %q: %q, %v", name, h.Get("Content-Disposition"), params["filename"], err)
		}
	})
}

func FuzzScan(f *testing.F) {
	for _, h := range hostile(f) {
		if len(h.content) < 10_000 {
			f.Add(h.content, h.name, h.declared)
		}
	}
	f.Add(pngOf(3, 3), "a.png", "image/png")
	f.Add(docx(), "a.docx", "")
	rules := files.DefaultRules()
	f.Fuzz(func(t *testing.T, content []byte, name, declared string) {
		got, err := files.Scan(t.Context(), bytes.NewReader(content), int64(len(content)), name, declared, rules)
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge {
				t.Fatal(err)
			}
			return
		}
		if got.Type == "" || strings.Contains(got.Type, "html") || got.Name != files.CleanName(got.Name) {
			t.Errorf("%+v", got)
		}
	})
}
