package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/app/pages"
)

// asset serves a file that the pages need. Its name holds the hash of its content, so that it never changes.
func asset(c *call) error {
	a, found := pages.Assets()[c.r.PathValue("name")]
	if !found {
		return errNotHere()
	}
	h := c.w.Header()
	h.Set("Content-Type", a.Type)
	h.Set("Cache-Control", pages.AssetCacheControl)
	h.Set("Vary", "Accept-Encoding")
	body, tag := a.Body, `"`+a.Hash[:32]+`"`
	if a.Gzip != nil && accepts(c.r.Header.Get("Accept-Encoding"), "gzip") {
		body, tag = a.Gzip, `"`+a.Hash[:32]+`-gzip"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", tag)
	for known := range strings.SplitSeq(c.r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(known), "W/") == tag {
			h.Del("Content-Encoding")
			c.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body) // a browser that went away is not our failure
	}
	return nil
}

// accepts tells whether a browser takes an encoding.
func accepts(header, encoding string) bool {
	for one := range strings.SplitSeq(header, ",") {
		name, more, _ := strings.Cut(one, ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		quality, given := strings.CutPrefix(strings.ReplaceAll(more, " ", ""), "q=")
		q, err := strconv.ParseFloat(quality, 64)
		return !given || err == nil && q > 0
	}
	return false
}

// favicon answers browsers that ask for it by themselves.
func favicon(c *call) error {
	http.Redirect(c.w, c.r, pages.AssetPath("favicon.svg"), http.StatusFound)
	return nil
}

// robots keeps search engines away: there is nothing for them.
func robots(c *call) error {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = c.w.Write([]byte("User-agent: *\nDisallow: /\n"))
	return nil
}
