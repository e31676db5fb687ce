package hosts

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"golang.org/x/crypto/ssh"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/berth-iac/berth/components/host"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/machine/provider"
	"github.com/berth-iac/berth/spec"
)

// keyPair is an SSH key.
type keyPair struct{ private, public string }

func newKeyPair(t testing.TB) keyPair {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "lab")
	if err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{string(pem.EncodeToMemory(block)), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line)))}
}

// pair are the keys that people and the pipeline have.
type people struct{ deploy, ada, stranger keyPair }

func clear(cidr string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(cidr)} }

var thirdPlace = &spec.ObjectStore{Endpoint: hostObjects, Region: "af-south-1", Bucket: bucket, Country: "ZA"}

func watch() spec.Watch {
	return spec.Watch{
		Mail:                  spec.Relay{Host: hostMail, Port: 587, From: "machines@northwind.example", TLS: "starttls"},
		ReplicationLagSeconds: 60, BackupAgeHours: 26,
	}
}

// site describes one machine of the pair.
func site(p people, name string) host.Description {
	d := host.Description{
		Role: host.Site, Name: name, Domain: "southern", TimeZone: "Africa/Johannesburg",
		Administrators: []spec.Administrator{{Name: "ada-lindqvist", Email: "ada@northwind.example", Keys: []string{p.ada.public}, Until: until()}},
		DeployKeys:     []string{p.deploy.public}, SSHFrom: clear(officeCIDR), WebFrom: clear(edgeCIDR), OriginPulls: true,
		Disks:      &host.Disks{Filesystem: "ext4", Encrypt: true},
		Sister:     &host.Sister{Tunnel: netip.MustParsePrefix("10.255.0.0/29"), Port: 51820},
		PostgreSQL: &host.PostgreSQL{Version: "15", MaxConnections: 50, SlotGiB: 1},
		Backup:     &host.Backup{KeepDays: 7, ThirdPlace: thirdPlace},
		Watch:      watch(), Alerts: spec.Alerts{Emails: []string{"operations@northwind.example"}}, Reboot: "03:30",
	}
	first, second := netip.MustParseAddr("10.255.0.1"), netip.MustParseAddr("10.255.0.2")
	if name == "jnb" {
		d.Sister.Name, d.Sister.Own, d.Sister.Address = "cpt", first, second
	} else {
		d.Sister.Name, d.Sister.Own, d.Sister.Address = "jnb", second, first
	}
	return d
}

func until() spec.Date {
	var d spec.Date
	if err := d.UnmarshalText([]byte(time.Now().AddDate(0, 6, 0).Format(time.DateOnly))); err != nil {
		panic(err)
	}
	return d
}

// release is a signed build of TaskFlow.
type release struct{ version, folder, checksum, public string }

func (r release) spec() spec.MachineRelease {
	return spec.MachineRelease{Version: r.version, SHA256: r.checksum, Source: spec.ReleaseSource{URL: "https://" + hostReleases, PublicKey: r.public}}
}

// client describes one client on a machine of the pair.
func client(r release, name string, standing host.Standing) host.Client {
	return host.Client{
		Role: host.Site, Standing: standing, Name: name, DisplayName: strings.ToUpper(name[:1]) + name[1:], Hostname: name + ".northwind.example",
		Environment: spec.Production, Release: r.spec(), Connections: 10, RateLimit: spec.RateLimit{Requests: 600, PeriodSeconds: 60},
		Maintenance: spec.Maintenance{Window: "sun:02:00-sun:04:00", NoticeDays: 7}, Countries: []string{"ZA"}, OriginPulls: true,
	}
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// applier puts bundles on machines as a program's resources do: by the provider, asked as the engine asks it.
type applier struct {
	client pulumirpc.ResourceProviderClient
}

func newApplier(t *testing.T, from *network, key string) *applier {
	server, err := provider.Start(t.Context(), provider.Options{Dial: from.dial, Connect: time.Minute, Silence: 3 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", server.Port()), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	a := &applier{client: pulumirpc.NewResourceProviderClient(conn)}
	args, err := plugin.MarshalProperties(resource.PropertyMap{"privateKey": resource.MakeSecret(resource.NewStringProperty(key))}, plugin.MarshalOptions{KeepSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.client.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: args, AcceptSecrets: true}); err != nil {
		t.Fatal(err)
	}
	return a
}

// create checks and creates a resource, and gives its properties.
func (a *applier) create(ctx context.Context, kind, name string, props resource.PropertyMap) (resource.PropertyMap, error) {
	urn := "urn:pulumi:lab::berth::machine:index:" + kind + "::" + name
	in, err := plugin.MarshalProperties(props, plugin.MarshalOptions{KeepSecrets: true})
	if err != nil {
		return nil, err
	}
	checked, err := a.client.Check(ctx, &pulumirpc.CheckRequest{Urn: urn, News: in, RandomSeed: []byte("lab")})
	if err != nil {
		return nil, err
	}
	if len(checked.GetFailures()) > 0 {
		return nil, fmt.Errorf("%s %s: %v", kind, name, checked.GetFailures())
	}
	made, err := a.client.Create(ctx, &pulumirpc.CreateRequest{Urn: urn, Properties: checked.GetInputs(), Timeout: 1500})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return plugin.UnmarshalProperties(made.GetProperties(), plugin.MarshalOptions{KeepSecrets: false})
}

func (m *server) props() resource.PropertyValue {
	return resource.NewObjectProperty(resource.PropertyMap{
		"address": resource.NewStringProperty(m.address), "port": resource.NewNumberProperty(22), "user": resource.NewStringProperty("berth"),
	})
}

// keys has the machine make its keys.
func (a *applier) keys(ctx context.Context, m *server) (wireguard, authority string, err error) {
	out, err := a.create(ctx, "Keys", m.name, resource.PropertyMap{"connection": m.props(), "generation": resource.NewNumberProperty(1)})
	if err != nil {
		return "", "", err
	}
	return out["wireguard"].StringValue(), out["authority"].StringValue(), nil
}

// bundle puts a bundle on the machine.
func (a *applier) bundle(ctx context.Context, m *server, b bundle.Bundle, settings, secrets map[string]string) error {
	files, units, steps := resource.PropertyMap{}, resource.PropertyMap{}, resource.PropertyMap{}
	for _, f := range b.Files {
		files[resource.PropertyKey(f.Path)] = resource.NewObjectProperty(resource.PropertyMap{
			"content": resource.NewStringProperty(f.Content), "mode": resource.NewStringProperty(fmt.Sprintf("%04o", f.Mode)), "owner": resource.NewStringProperty(f.Owner),
		})
	}
	texts := func(from []string) resource.PropertyValue {
		values := []resource.PropertyValue{}
		for _, s := range from {
			values = append(values, resource.NewStringProperty(s))
		}
		return resource.NewArrayProperty(values)
	}
	for _, u := range b.Units {
		unit := resource.PropertyMap{"state": resource.NewStringProperty(string(u.State))}
		if u.Reload {
			unit["reload"] = resource.NewBoolProperty(true)
		}
		if len(u.RestartOn) > 0 {
			unit["restartOn"] = texts(u.RestartOn)
		}
		units[resource.PropertyKey(u.Name)] = resource.NewObjectProperty(unit)
	}
	for _, s := range b.Steps {
		steps[resource.PropertyKey(s.Name)] = resource.NewStringProperty(s.Script)
	}
	values := func(names []string, from map[string]string, keep func(resource.PropertyValue) resource.PropertyValue) (resource.PropertyValue, error) {
		all := resource.PropertyMap{}
		for _, n := range names {
			v, ok := from[n]
			if !ok {
				return resource.PropertyValue{}, fmt.Errorf("bundle %s asks for %s, which the lab does not know", b.Name, n)
			}
			all[resource.PropertyKey(n)] = keep(resource.NewStringProperty(v))
		}
		return resource.NewObjectProperty(all), nil
	}
	open, err := values(b.Settings, settings, func(v resource.PropertyValue) resource.PropertyValue { return v })
	if err != nil {
		return err
	}
	closed, err := values(b.Secrets, secrets, resource.MakeSecret)
	if err != nil {
		return err
	}
	_, err = a.create(ctx, "Bundle", m.name+"-"+b.Name, resource.PropertyMap{
		"connection": m.props(), "name": resource.NewStringProperty(b.Name), "packages": texts(b.Packages), "files": resource.NewObjectProperty(files),
		"units": resource.NewObjectProperty(units), "steps": resource.NewObjectProperty(steps), "settings": open, "secrets": closed,
	})
	return err
}

// packagesOf are all packages of bundles, each once.
func packagesOf(bundles ...bundle.Bundle) (all []string) {
	for _, b := range bundles {
		all = append(all, b.Packages...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
