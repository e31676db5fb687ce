package certificate_test

import (
	"testing"

	"github.com/berth-iac/berth/components/certificate"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// acm answers as AWS does, names with their final dot.
func acm(typeToken, _ string, _ resource.PropertyMap) map[string]any {
	switch typeToken {
	case "aws:acm/certificate:Certificate":
		return map[string]any{"domainValidationOptions": []any{map[string]any{
			"domainName": "acme.taskflow.example", "resourceRecordName": "_1f2e.acme.taskflow.example.",
			"resourceRecordType": "CNAME", "resourceRecordValue": "_3d4c.acm-validations.aws.",
		}}}
	case "cloudflare:index/record:Record":
		return map[string]any{"hostname": "_1f2e.acme.taskflow.example"}
	}
	return nil
}

func program(args certificate.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		c, err := certificate.New(ctx, "certificate", args)
		if err != nil {
			return err
		}
		ctx.Export("arn", c.Arn)
		return nil
	}
}

func TestNew(t *testing.T) {
	owner := scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true}
	for name, tc := range map[string]struct {
		hostname, zone string
		wantErr        string
	}{
		"issued":       {"acme.taskflow.example", "023e105f4ecef8ad9ca31a8372d0c353", ""},
		"no_host_name": {"", "023e105f4ecef8ad9ca31a8372d0c353", `certificate "certificate": host name is "": use one full name, such as acme.taskflow.example`},
		"a_wildcard":   {"*.taskflow.example", "", "host name is \"*.taskflow.example\": use one full name, such as acme.taskflow.example\nzone id is empty: set edge.zoneId in the spec"},
	} {
		t.Run(name, func(t *testing.T) {
			graphtest.Golden(t, tc.wantErr, program(certificate.Args{Scope: owner, Hostname: tc.hostname, ZoneID: tc.zone}), acm)
		})
	}
}
