// Package web is one client's pages as HTTP: a table of routes, cookies, the walls around every change (AS-4) and every answer
// (AS-2), and handlers that turn requests into calls of accounts and work, and their answers into pages. Who may do what is decided
// below, in work and accounts; the table only keeps out whoever cannot possibly be right. A Site knows no other client (DP-1).
package web

import (
	"context"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/work"
)

// Options are what a site needs besides the client. Links and cookies go by the client's own address and never by what a request says.
type Options struct {
	// Address is where a request comes from: what the server found out, where it is nil.
	Address func(*http.Request) netip.Addr
	// Temporary is the folder for uploads on their way; "" is the system's.
	Temporary string
	// FormTime and UploadTime are how long a form and a file may take to come in: 20 seconds and an hour where they are 0.
	FormTime, UploadTime time.Duration
}

// Site is the pages of one client.
type Site struct {
	client   *client.Client
	accounts *accounts.Accounts
	work     *work.Work
	options  Options
	secure   bool // people reach the site by https
	origin   *http.CrossOriginProtection
	mux      *http.ServeMux

	checking sync.Mutex
	checked  pages.Verified // what checking the audit log came to
}

// New makes the site of a client.
func New(c *client.Client, o Options) (*Site, error) {
	if o.Address == nil {
		o.Address = func(r *http.Request) netip.Addr { return client.AddressOf(r.Context()) }
	}
	if o.FormTime == 0 {
		o.FormTime = 20 * time.Second
	}
	if o.UploadTime == 0 {
		o.UploadTime = time.Hour
	}
	if err := pages.Check(); err != nil {
		return nil, err
	}
	s := &Site{client: c, accounts: c.Accounts, work: c.Work, options: o, secure: c.Secure(), origin: http.NewCrossOriginProtection(), mux: http.NewServeMux()}
	for _, route := range Routes() {
		s.mux.Handle(route.Method+" "+route.Pattern, s.serve(route))
	}
	return s, nil
}

// ServeHTTP answers one request.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.walls(w.Header())
	if !tidy(r) {
		s.lost(w, r)
		return
	}
	if _, pattern := s.mux.Handler(r); pattern == "" {
		s.lost(w, r)
		return
	}
	s.mux.ServeHTTP(w, r) // which sets the values of the path
}

// tidy tells whether a request asks for a path as it is written: there is one way to write each.
func tidy(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/") && clean(r.URL.Path) == r.URL.Path
}

// clean is a path as it should have been asked for.
func clean(asked string) string {
	cleaned := path.Clean(asked)
	if strings.HasSuffix(asked, "/") && cleaned != "/" {
		cleaned += "/"
	}
	return cleaned
}

// lost answers what no route is for.
func (s *Site) lost(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if !tidy(r) {
			break
		}
		other := &http.Request{Method: method, URL: r.URL, Host: r.Host, Header: http.Header{}}
		if _, pattern := s.mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	c := s.call(w, r, Route{})
	if err := c.recognise(); err != nil {
		c.fail(err)
		return
	}
	if len(allowed) == 0 {
		c.fail(errNotHere())
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	c.failure(http.StatusMethodNotAllowed, pages.Failure{Kind: pages.FailureInvalid})
}

// walls are the headers of every answer (AS-2).
func (s *Site) walls(h http.Header) {
	h.Set("Content-Security-Policy", pages.ContentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Permissions-Policy", "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store") // pages are personal; assets say otherwise
	if s.secure {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}

func (s *Site) now() time.Time { return s.client.Now() }

func (s *Site) report(ctx context.Context, what string, err error, more ...any) {
	s.client.Log().ErrorContext(ctx, what, append([]any{"error", err}, more...)...)
}
