package localcloud_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/berth-iac/berth/localcloud"
)

// thing is any resource, with the outputs that the test looks at.
type thing struct {
	pulumi.CustomResourceState
	Arn      pulumi.StringOutput `pulumi:"arn"`
	Endpoint pulumi.StringOutput `pulumi:"endpoint"`
}

func register(ctx *pulumi.Context, typ, name string, args pulumi.Map, opts ...pulumi.ResourceOption) (*thing, error) {
	t := &thing{}
	return t, ctx.RegisterResource(typ, name, args, t, opts...)
}

// regional is a provider for a region.
func regional(ctx *pulumi.Context, region string) (pulumi.ProviderResource, error) {
	p := &struct{ pulumi.ProviderResourceState }{}
	err := ctx.RegisterResource("pulumi:providers:aws", region, pulumi.Map{
		"region":            pulumi.String(region),
		"allowedAccountIds": pulumi.ToStringArray([]string{"111122223333"}),
		"defaultTags":       pulumi.Map{"tags": pulumi.Map{"owner": pulumi.String("acme")}},
	}, p)
	return p, err
}

// program makes a network with a database in London and a bucket in London and Dublin each.
func program(ctx *pulumi.Context) error {
	london, err := regional(ctx, "eu-west-2")
	if err != nil {
		return err
	}
	dublin, err := regional(ctx, "eu-west-1")
	if err != nil {
		return err
	}
	vpc, err := register(ctx, "aws:ec2/vpc:Vpc", "net", pulumi.Map{
		"cidrBlock": pulumi.String("10.20.0.0/16"), "tags": pulumi.StringMap{"Name": pulumi.String("net")},
	}, pulumi.Provider(london))
	if err != nil {
		return err
	}
	var subnets pulumi.StringArray
	for i, zone := range []string{"a", "b", "c"} {
		subnet, err := register(ctx, "aws:ec2/subnet:Subnet", "net-"+zone, pulumi.Map{
			"vpcId": vpc.ID(), "cidrBlock": pulumi.Sprintf("10.20.%d.0/24", i), "availabilityZone": pulumi.String("eu-west-2" + zone),
		}, pulumi.Provider(london))
		if err != nil {
			return err
		}
		subnets = append(subnets, subnet.ID())
	}
	group, err := register(ctx, "aws:rds/subnetGroup:SubnetGroup", "db", pulumi.Map{
		"name": pulumi.String("db"), "subnetIds": subnets,
	}, pulumi.Provider(london))
	if err != nil {
		return err
	}
	db, err := register(ctx, "aws:rds/instance:Instance", "db", pulumi.Map{
		"identifier": pulumi.String("acme-db"), "engine": pulumi.String("postgres"), "instanceClass": pulumi.String("db.t4g.medium"),
		"allocatedStorage": pulumi.Int(20), "username": pulumi.String("berth"), "password": pulumi.ToSecret("correct horse battery"),
		"dbSubnetGroupName": group.ID(), "skipFinalSnapshot": pulumi.Bool(true),
	}, pulumi.Provider(london))
	if err != nil {
		return err
	}
	for region, provider := range map[string]pulumi.ProviderResource{"london": london, "dublin": dublin} {
		b, err := register(ctx, "aws:s3/bucketV2:BucketV2", region, pulumi.Map{}, pulumi.Provider(provider))
		if err != nil {
			return err
		}
		ctx.Export(region, b.Arn)
	}
	ctx.Export("endpoint", db.Endpoint)
	return nil
}

// stack is a Pulumi stack on an embedded cloud.
func stack(t *testing.T, cloud *localcloud.Cloud, run pulumi.RunFunc) auto.Stack {
	t.Helper()
	cli := os.Getenv("BERTH_PULUMI")
	if cli == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		cli = filepath.Join(home, ".cache", "berth", "pulumi-v3.253.0", "bin", "pulumi")
	}
	if _, err := os.Stat(cli); err != nil {
		t.Skipf("%s needs the Pulumi CLI: %v; name it in BERTH_PULUMI", t.Name(), err)
	}
	command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: filepath.Dir(filepath.Dir(cli))})
	if err != nil {
		t.Fatal(err)
	}
	s, err := auto.UpsertStackInlineSource(t.Context(), "test", "localcloud", run, auto.Pulumi(command), auto.WorkDir(t.TempDir()),
		auto.EnvVars(map[string]string{
			"PULUMI_DEBUG_PROVIDERS":                      cloud.Providers(),
			"PULUMI_BACKEND_URL":                          "file://" + t.TempDir(),
			"PULUMI_HOME":                                 t.TempDir(),
			"PULUMI_CONFIG_PASSPHRASE":                    "test",
			"PULUMI_SKIP_UPDATE_CHECK":                    "true",
			"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
		}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEngine(t *testing.T) {
	dir := t.TempDir()
	cloud, err := localcloud.Start(context.Background(), localcloud.Options{Dir: dir, Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Close()
	s := stack(t, cloud, program)
	ctx := t.Context()

	preview, err := s.Preview(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := preview.ChangeSummary[apitype.OpCreate]; got != 11 {
		t.Errorf("the first preview creates %d, want 11: %v", got, preview.ChangeSummary)
	}
	up, err := s.Up(ctx, optup.SuppressProgress())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(up.Outputs["endpoint"].Value); !strings.HasPrefix(got, "acme-db.") || !strings.HasSuffix(got, ".eu-west-2.rds.amazonaws.com:5432") {
		t.Errorf("endpoint = %q", got)
	}

	t.Run("each provider resource keeps its own region", func(t *testing.T) {
		objects, err := cloud.Objects(ctx)
		if err != nil {
			t.Fatal(err)
		}
		regions := map[string]string{}
		for _, o := range objects {
			regions[o.URN[strings.LastIndex(o.URN, ":")+1:]] = o.Region + "/" + o.Account
		}
		if regions["london"] != "eu-west-2/111122223333" || regions["dublin"] != "eu-west-1/111122223333" {
			t.Errorf("regions = %v", regions)
		}
	})

	t.Run("a second preview is empty", func(t *testing.T) {
		_, err := s.Preview(ctx, optpreview.ExpectNoChanges())
		if err != nil {
			t.Error(err)
		}
	})

	t.Run("a refresh of what nobody touched finds nothing", func(t *testing.T) {
		if _, err := s.Refresh(ctx, optrefresh.ExpectNoChanges()); err != nil {
			t.Error(err)
		}
	})

	t.Run("the password lies on no disk", func(t *testing.T) {
		raw, err := os.ReadFile(filepath.Join(dir, "objects.journal"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "horse") {
			t.Error("the state has the password in plain text")
		}
	})

	t.Run("a refresh finds drift, and up mends it", func(t *testing.T) {
		err := cloud.Drift(ctx, localcloud.Change{
			Type: "aws:rds/instance:Instance", Name: "acme-db", Set: map[string]any{"instanceClass": "db.m6g.large"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := cloud.Drift(ctx, localcloud.Change{Type: "aws:ec2/subnet:Subnet", Name: "net-c", Delete: true}); err != nil {
			t.Fatal(err)
		}
		refresh, err := s.Refresh(ctx)
		if err != nil {
			t.Fatal(err)
		}
		changes := *refresh.Summary.ResourceChanges
		if changes["update"] != 1 || changes["delete"] != 1 {
			t.Errorf("refresh found %v, want one update and one deletion", changes)
		}
		up, err := s.Up(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if changes := *up.Summary.ResourceChanges; changes["create"] != 1 || changes["update"] != 2 {
			t.Errorf("up made %v, want a subnet, and the group and the database updated", changes)
		}
	})

	t.Run("destroy leaves nothing", func(t *testing.T) {
		if _, err := s.Destroy(ctx, optdestroy.SuppressProgress()); err != nil {
			t.Fatal(err)
		}
		objects, err := cloud.Objects(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(objects) != 0 {
			t.Errorf("left behind: %v", objects)
		}
	})
}

// TestEngineRecovers shows that a failed up can be run again, whatever the cloud did.
func TestEngineRecovers(t *testing.T) {
	for name, fault := range map[string]string{
		"refused":   "create:aws:rds/instance:Instance:fail@1",
		"half-made": "create:aws:rds/instance:Instance:half-made@1",
	} {
		t.Run(name, func(t *testing.T) {
			f, err := localcloud.ParseFault(fault)
			if err != nil {
				t.Fatal(err)
			}
			cloud, err := localcloud.Start(context.Background(), localcloud.Options{Dir: t.TempDir(), Faults: []localcloud.Fault{f}})
			if err != nil {
				t.Fatal(err)
			}
			defer cloud.Close()
			s := stack(t, cloud, program)
			_, err = s.Up(t.Context(), optup.SuppressProgress())
			if err == nil || !strings.Contains(err.Error(), "RDS DB Instance") {
				t.Fatalf("err = %v, want the fault", err)
			}
			if _, err := s.Up(t.Context(), optup.SuppressProgress()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Preview(t.Context(), optpreview.ExpectNoChanges()); err != nil {
				t.Error(err)
			}
			databases := 0
			objects, err := cloud.Objects(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range objects {
				if o.Type == "aws:rds/instance:Instance" {
					databases++
				}
			}
			if databases != 1 {
				t.Errorf("%d databases, want one", databases)
			}
		})
	}
}
