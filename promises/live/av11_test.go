package live

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/promises"
)

// front answers as the edge does, by the scheme that is asked.
type front map[string]*http.Response

func (f front) Do(request *http.Request) (*http.Response, error) {
	if answer := f[request.URL.Scheme]; answer != nil && request.URL.Host == "acme.taskflow.example" {
		answer.Body = io.NopCloser(strings.NewReader("ok"))
		return answer, nil
	}
	return nil, errors.New("no route to host")
}

func goodFront() front {
	header := func(more ...string) http.Header {
		h := http.Header{"Cf-Ray": {"8f2d3c4b5a697886-LHR"}, "Server": {"cloudflare"}}
		for i := 0; i < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return h
	}
	return front{
		"https": {StatusCode: 200, Header: header()},
		"http":  {StatusCode: 301, Header: header("Location", "https://acme.taskflow.example/")},
	}
}

func TestEdgeInFront(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(front)
		want   []string
	}{
		"as it should be":       {func(front) {}, nil},
		"the site itself fails": {func(f front) { f["https"].StatusCode = 503 }, nil}, // AV-1's concern
		"no ray":                {func(f front) { f["https"].Header.Del("Cf-Ray") }, []string{"acme.taskflow.example.https.cf-ray"}},
		"the origin itself":     {func(f front) { f["https"].Header = http.Header{"Server": {"awselb/2.0"}} }, []string{"acme.taskflow.example.https.cf-ray", "acme.taskflow.example.https.server"}},
		"plain past the edge":   {func(f front) { f["http"].Header.Del("Cf-Ray") }, []string{"acme.taskflow.example.http.cf-ray"}},
		"plain text served":     {func(f front) { f["http"].StatusCode = 200 }, []string{"acme.taskflow.example.http.redirect"}},
		"redirected for now":    {func(f front) { f["http"].StatusCode = 302 }, []string{"acme.taskflow.example.http.redirect"}},
		"redirected elsewhere":  {func(f front) { f["http"].Header.Set("Location", "http://acme.taskflow.example/") }, []string{"acme.taskflow.example.http.redirect"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := goodFront()
			tc.change(f)
			r := makeLook(t, "AV-11", subjectOf(t, "prod"), answers{}, Outside{Do: f.Do})
			if got := brokenAt(r); !slices.Equal(got, tc.want) || (r.Verdict == promises.Kept) != (tc.want == nil) {
				t.Errorf("%s (%s), broken at %q", r.Verdict, r.Why, got)
			}
		})
	}
	if why := notShown(t, "AV-11", goodSite(), nil, Outside{}); why != "could not be read back: the site was not asked from outside" {
		t.Error(why)
	}
	if why := notShown(t, "AV-11", goodSite(), nil, Outside{Do: front{}.Do}); why != "could not be read back: ask https://acme.taskflow.example/healthz from outside: no route to host" {
		t.Error(why)
	}
}
