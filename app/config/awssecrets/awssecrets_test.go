package awssecrets_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/config/awssecrets"
)

var now = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

func source(endpoint string) *awssecrets.Source {
	c := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "synthetic", "session")}
	if endpoint != "" {
		c.BaseEndpoint = &endpoint
	}
	return awssecrets.With(func() time.Time { return now }, c)
}

func TestSecretsAndParametersAreAskedFor(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Header.Get("X-Amz-Target")+" "+string(body)+" "+r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		switch {
		case strings.Contains(string(body), "none"):
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"ResourceNotFoundException","message":"not there"}`)
		case strings.Contains(r.Header.Get("X-Amz-Target"), "GetSecretValue"):
			fmt.Fprint(w, `{"SecretString":"{\"password\":\"inner\"}"}`)
		default:
			fmt.Fprint(w, `{"Parameter":{"Value":"value"}}`)
		}
	}))
	defer server.Close()
	r := config.Resolver{AWS: source(server.URL)}
	for ref, want := range map[config.Ref]string{
		"aws-sm:arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf#password": "inner", "aws-ssm:/a/b": "value",
	} {
		if got, err := r.Resolve(t.Context(), ref); err != nil || got != want {
			t.Errorf("%s is %q, %v", ref, got, err)
		}
	}
	if _, err := r.Resolve(t.Context(), "aws-sm:none"); err == nil || !strings.Contains(err.Error(), "aws-sm:none") {
		t.Errorf("error is %v", err)
	}
	all := strings.Join(asked, "\n")
	if !strings.Contains(all, `"WithDecryption":true`) || !strings.Contains(all, "/eu-west-1/secretsmanager/") || !strings.Contains(all, "/eu-central-1/ssm/") {
		t.Errorf("asked for %s", all)
	}
}

func TestTokensAreMadeHere(t *testing.T) {
	s := source("")
	token, err := s.DatabaseToken(t.Context(), "taskflow", "db.example:5432")
	if err != nil || !strings.HasPrefix(token, "db.example:5432?") || !strings.Contains(token, "DBUser=taskflow") || !strings.Contains(token, "X-Amz-Signature=") {
		t.Errorf("%s, %v", token, err)
	}
	cache, err := s.CacheToken(t.Context(), "acme", "acme-production")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse("http://" + cache)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	if u.Host != "acme-production" || query.Get("Action") != "connect" || query.Get("User") != "acme" || query.Get("X-Amz-Expires") != "900" ||
		query.Get("X-Amz-Date") != "20260302T093000Z" || !strings.Contains(query.Get("X-Amz-Credential"), "/20260302/eu-central-1/elasticache/aws4_request") ||
		query.Get("X-Amz-Signature") == "" || strings.Contains(cache, "synthetic") {
		t.Errorf("token is %s", cache)
	}
}
