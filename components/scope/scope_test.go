package scope_test

import (
	"testing"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	acme := scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2"}
	organisation := scope.Scope{Client: "northwind", Environment: "organisation", Stack: "organisation", Account: "111122223333", Region: "eu-west-2"}
	for want, got := range map[string]string{
		"acme-production-service":                               acme.Name(naming.Role, "service"),
		"/berth/acme/production/database/host":                  acme.Path(naming.Parameter, "database", "host"),
		"berth-acme-production-backup-123456789012-eu-west-1":   acme.Bucket("eu-west-1", "backup"),
		"northwind-trail":                                       organisation.Name(naming.Trail, "trail"),
		"berth-northwind-releases-111122223333-eu-west-2":       organisation.Bucket("eu-west-2", "releases"),
		"arn:aws:rds:eu-west-2:123456789012:db:acme-production": acme.ARN("rds", "eu-west-2", "db:acme-production"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if !acme.Production() || !organisation.Production() || (scope.Scope{Environment: "staging"}).Production() {
		t.Error("production and the organisation are production; staging is not")
	}
}

func TestTagsSayWhoseItIsAndWhatItHolds(t *testing.T) {
	s := scope.Scope{Client: "acme", Environment: "staging", Stack: "acme-staging"}
	want := map[string]string{"client": "acme", "environment": "staging", "stack": "acme-staging", "managed-by": "berth", "data-class": "personal"}
	if diff := cmp.Diff(want, s.TagValues(scope.Personal)); diff != "" {
		t.Error(diff)
	}
	if tags := s.Tags(scope.Personal, "db"); len(tags) != 6 {
		t.Errorf("%d tags, want the five and Name", len(tags))
	}
}
