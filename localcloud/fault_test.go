package localcloud_test

import (
	"context"
	"strings"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/status"

	"github.com/berth-iac/berth/localcloud"
)

func TestParseFault(t *testing.T) {
	for _, text := range []string{
		"create:aws:rds/instance:Instance:fail", "create:aws:rds/instance:Instance:fail@2", "*:aws:*:throttle=3",
		"delete:*:delay=2s", "update:aws:ec2/vpc:Vpc#net*:lost", "create:*:half-made", "invoke:aws:index/*:hang", "create:*:fail-first",
	} {
		f, err := localcloud.ParseFault(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if f.String() != text {
			t.Errorf("%q became %q", text, f)
		}
	}
	for text, want := range map[string]string{
		"":                    "fewer than three parts",
		"create:fail":         "fewer than three parts",
		"crate:aws:x:fail":    `did you mean "create"?`,
		"create:aws:x:fial":   `did you mean "fail"?`,
		"create::fail":        "no type is given",
		"create:*:fail@0":     "counts nothing",
		"create:*:fail=1":     "takes no value",
		"create:*:throttle":   "give a number of times",
		"create:*:delay=-1s":  "give a time",
		"delete:*:half-made":  "only create and update",
		"create:*:fail@first": "the form is OPERATION:TYPE[#NAME]:ACTION",
	} {
		_, err := localcloud.ParseFault(text)
		wantError(t, err, want)
	}
}

func FuzzParseFault(f *testing.F) {
	f.Add("create:aws:rds/instance:Instance#a:fail@2")
	f.Add("*:*:throttle=3")
	f.Add("delete:::delay=1s@9")
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := localcloud.ParseFault(text)
		if err != nil {
			return
		}
		again, err := localcloud.ParseFault(fault.String())
		if err != nil || again != fault {
			t.Errorf("%q reads as %+v, which writes as %q, which reads as %+v, %v", text, fault, fault, again, err)
		}
	})
}

// faulty is a cloud with faults, and a provider on it.
func faulty(t *testing.T, texts ...string) (*localcloud.Cloud, engine) {
	t.Helper()
	var faults []localcloud.Fault
	for _, text := range texts {
		f, err := localcloud.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	cloud := start(t, localcloud.Options{Faults: faults})
	return cloud, london(t, cloud)
}

var network = props{"cidrBlock": "10.0.0.0/16"}

func TestFaults(t *testing.T) {
	t.Run("the second call fails, and nothing happens", func(t *testing.T) {
		cloud, aws := faulty(t, "create:aws:ec2/*:fail@2")
		aws.mustCreate(vpcType, "one", network)
		_, err := aws.create(vpcType, "two", network)
		wantError(t, err, "creating EC2 Vpc (two): InternalFailure: the embedded cloud was told to fail")
		aws.mustCreate(vpcType, "two", network)
		if n := count(t, cloud); n != 2 {
			t.Errorf("%d objects, want 2", n)
		}
	})
	t.Run("every first attempt fails", func(t *testing.T) {
		_, aws := faulty(t, "create:*:fail-first")
		for _, name := range []string{"one", "two"} {
			_, err := aws.create(vpcType, name, network)
			wantError(t, err, "InternalFailure")
			aws.mustCreate(vpcType, name, network)
		}
	})
	t.Run("only the resource that is named", func(t *testing.T) {
		_, aws := faulty(t, "create:aws:ec2/vpc:Vpc#b*:fail")
		aws.mustCreate(vpcType, "a1", network)
		_, err := aws.create(vpcType, "b1", network)
		wantError(t, err, "InternalFailure")
	})
	t.Run("throttling takes time and then works", func(t *testing.T) {
		_, aws := faulty(t, "create:*:throttle=2")
		began := time.Now()
		aws.mustCreate(vpcType, "one", network)
		if took := time.Since(began); took < 150*time.Millisecond {
			t.Errorf("took %s, want two waits of 50 and 100 ms", took)
		}
	})
	t.Run("half-made exists, and the engine has its state", func(t *testing.T) {
		cloud, aws := faulty(t, "create:*:half-made")
		_, err := aws.create(vpcType, "one", network)
		var failed *pulumirpc.ErrorResourceInitFailed
		for _, d := range status.Convert(err).Details() {
			failed, _ = d.(*pulumirpc.ErrorResourceInitFailed)
		}
		if failed == nil || !strings.HasPrefix(failed.GetId(), "vpc-") || failed.GetProperties().Fields["arn"].GetStringValue() == "" {
			t.Fatalf("err = %v, want one with the id and the state", err)
		}
		if n := count(t, cloud); n != 1 {
			t.Errorf("%d objects, want 1", n)
		}
	})
	t.Run("lost exists, and the engine knows nothing", func(t *testing.T) {
		cloud, aws := faulty(t, "create:aws:s3/*:lost@1")
		_, err := aws.create(bucketType, "b", props{"bucket": "acme-backups"})
		wantError(t, err, "unexpected EOF")
		if n := count(t, cloud); n != 1 {
			t.Errorf("%d objects, want 1", n)
		}
		_, err = aws.create(bucketType, "b", props{"bucket": "acme-backups"})
		wantError(t, err, "BucketAlreadyExists")
	})
	t.Run("hang ends with the call", func(t *testing.T) {
		_, aws := faulty(t, "create:*:hang")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := aws.client.Create(ctx, &pulumirpc.CreateRequest{Urn: urn(vpcType, "x"), Properties: aws.marshal(network)})
		wantError(t, err, "DeadlineExceeded")
	})
	t.Run("a crash needs somebody who crashes", func(t *testing.T) {
		_, err := localcloud.Start(t.Context(), localcloud.Options{Dir: t.TempDir(), Faults: []localcloud.Fault{{Operation: "create", Type: "*", Action: "crash"}}})
		wantError(t, err, "cannot crash on demand")
	})
}

func count(t *testing.T, cloud *localcloud.Cloud) int {
	t.Helper()
	objects, err := cloud.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(objects)
}
