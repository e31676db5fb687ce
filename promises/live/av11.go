package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/berth-iac/berth/spec"
)

const (
	fixEdge   = "mend components/edge"
	mostBytes = 1 << 16 // bytes of an answer that are read
)

var errNotAsked = errors.New("the site was not asked from outside")

// edgeInFront looks at AV-11: whether what answers for the client's host name is Cloudflare.
func edgeInFront(ctx context.Context, l *look) error {
	client := l.subject.Client()
	if client == nil {
		return nil
	}
	secure, err := l.ask(ctx, "https://"+client.Edge.Hostname+healthPath)
	if err != nil {
		return err
	}
	l.throughEdge(client, "https", secure)
	plain, err := l.ask(ctx, "http://"+client.Edge.Hostname+"/")
	if err != nil {
		return err
	}
	l.throughEdge(client, "http", plain)
	to := plain.header.Get("Location")
	redirects := slices.Contains([]int{http.StatusMovedPermanently, http.StatusPermanentRedirect}, plain.status) && strings.HasPrefix(to, "https://"+client.Edge.Hostname)
	l.want(object{edgeType, client.Edge.Hostname}, redirects, "http.redirect", fmt.Sprintf("%d to %s", plain.status, joined([]string{to})), "redirected for good to https://"+client.Edge.Hostname, fixEdge)
	return nil
}

// answer is what the site answered, without what it said: that is the client's.
type answer struct {
	status int
	header http.Header
}

// ask asks the site as anybody would.
func (a *account) ask(ctx context.Context, address string) (answer, error) {
	if a.outside.Do == nil {
		return answer{}, errNotAsked
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	response, err := a.outside.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("ask %s from outside: %w", address, err)
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, mostBytes)) // so that the connection ends in order
	return answer{response.StatusCode, response.Header}, err
}

// throughEdge tells by an answer's headers whether Cloudflare's network gave it.
func (l *look) throughEdge(client *spec.AWSClient, scheme string, a answer) {
	o := object{edgeType, client.Edge.Hostname}
	ray, server := a.header.Get("Cf-Ray"), a.header.Get("Server")
	l.want(o, ray != "", scheme+".cf-ray", joined([]string{ray}), "Cloudflare's number of the request", "set proxied in components/edge, and look where the name leads")
	l.want(o, strings.EqualFold(server, "cloudflare"), scheme+".server", joined([]string{server}), "cloudflare", "set proxied in components/edge, and look where the name leads")
}
