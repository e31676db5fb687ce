package files

import (
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// longName is how long a file's name may be, in bytes.
const longName = 150

// CleanName makes of what somebody calls a file a name that is safe to show, to put into a header and to keep on any system: the
// last part of a path, without control and direction characters, without what Windows reserves. It is never empty.
func CleanName(name string) string {
	name = strings.ReplaceAll(strings.ToValidUTF8(name, "_"), `\`, "/")
	name = norm.NFC.String(name[strings.LastIndex(name, "/")+1:])
	name = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`<>:"/|?*`, r):
			return '_'
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), r == utf8.RuneError, r == '\u2028', r == '\u2029':
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, name)
	name = strings.Trim(name, " .")
	ext := path.Ext(name)
	if len(ext) > 20 {
		ext = ""
	}
	stem := strings.TrimRight(cut(strings.TrimSuffix(name, ext), longName-len(ext)), " .")
	if stem == "" {
		stem = "file"
	}
	switch base, _, _ := strings.Cut(strings.ToLower(stem), "."); strings.TrimSpace(base) {
	case "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
		"lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9":
		stem = "_" + stem
	}
	return stem + ext
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// Headers sets what a download is sent with: it is saved and never shown, whatever it is; and if a browser shows it after all, it can
// do nothing there.
func Headers(h http.Header, name, contentType string) {
	name = CleanName(name)
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%`, r) {
			return '_'
		}
		return r
	}, name)
	// RFC 6266: the plain name for old programs, the real one as RFC 8187 has it.
	h.Set("Content-Disposition", `attachment; filename="`+plain+`"; filename*=UTF-8''`+strings.ReplaceAll(url.QueryEscape(name), "+", "%20"))
	if base, _, err := mime.ParseMediaType(contentType); err != nil || kinds[base].extensions == nil || base == "image/svg+xml" {
		contentType = "application/octet-stream"
	}
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "private, no-store")
}
