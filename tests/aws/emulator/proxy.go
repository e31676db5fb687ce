package emulator

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Call is one call of an AWS service.
type Call struct {
	Service string // the name it was signed for: "ec2", "s3", "rds"
	Action  string // "CreateVpc"; of services that are called by method and path: "PUT /bucket?policy"
	Region  string
	Status  int // of the answer
}

// proxy forwards calls to moto.
type proxy struct {
	watch   func(Call)
	forward *httputil.ReverseProxy
	ec2     sync.Mutex // held by a change of EC2
	mutex   sync.Mutex
	refused map[string]bool
	flight  atomic.Int64 // calls that moto has not answered yet
}

func newProxy(target *url.URL, watch func(Call)) *proxy {
	p := &proxy{watch: watch, refused: map[string]bool{}}
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, target.Host
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 32}, // straight to moto, past any proxy of the user's
		ModifyResponse: func(r *http.Response) error {
			if call, watched := r.Request.Context().Value(callKey{}).(Call); watched && p.watch != nil {
				call.Status = r.StatusCode
				p.watch(call)
			}
			if translated, _ := r.Request.Context().Value(cborKey{}).(bool); translated {
				return cborOf(r)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "the emulator does not answer: "+err.Error(), http.StatusBadGateway)
		},
	}
	return p
}

func (p *proxy) refusedHosts() []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return slices.Sorted(maps.Keys(p.refused))
}

// ServeHTTP takes a call that a program sent to its proxy, or straight to this address.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.URL.Hostname()
	if host == "" && r.Method != http.MethodConnect {
		host = withoutPort(r.Host)
		if net.ParseIP(host) != nil {
			host = Host
		}
	}
	before, ours := strings.CutSuffix("."+host, "."+Host)
	if !ours {
		p.mutex.Lock()
		p.refused[r.Host] = true
		p.mutex.Unlock()
		http.Error(w, fmt.Sprintf("the emulator serves %s only, and nothing leaves this machine: %s", Host, r.Host), http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "read the call: "+err.Error(), http.StatusBadRequest)
		return
	}
	body, translated, err := jsonOf(r, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	r.TransferEncoding = nil
	call := callOf(r, body)
	if bucket := strings.TrimPrefix(before, "."); bucket != "" && call.Service == "s3" && !account.MatchString(bucket) {
		r.URL.Path = "/" + bucket + r.URL.Path
		if r.URL.RawPath != "" {
			r.URL.RawPath = "/" + bucket + r.URL.RawPath
		}
	}
	p.flight.Add(1)
	defer p.flight.Add(-1)
	if call.Service == "ec2" && !reads.MatchString(call.Action) {
		p.ec2.Lock()
		defer p.ec2.Unlock()
	}
	// Moto carries a call out also when whoever made it is gone: only so is it known when that is over.
	ctx := context.WithoutCancel(r.Context())
	p.forward.ServeHTTP(w, r.WithContext(withCall(ctx, call, translated)))
}

func withoutPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

var (
	scope   = regexp.MustCompile(`Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request`)
	account = regexp.MustCompile(`^\d{12}$`)
	reads   = regexp.MustCompile(`^(Describe|Get|List|Search)`)
)

// callOf tells from a request which call it is.
func callOf(r *http.Request, body []byte) Call {
	var c Call
	if m := scope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		c.Region, c.Service = m[1], m[2]
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		_, c.Action, _ = strings.Cut(target, ".")
		return c
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") != "" {
			c.Action = form.Get("Action")
			return c
		}
	}
	c.Action = r.Method + " " + r.URL.Path
	if r.URL.RawQuery != "" {
		c.Action += "?" + r.URL.RawQuery
	}
	return c
}
