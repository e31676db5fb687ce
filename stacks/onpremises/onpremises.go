// Package onpremises is the program of one client on its own machine: hardened,
// with a mirror of two disks, a database cluster and TaskFlow. We reach the
// machine by SSH, or the client's administrator runs an archive that needs no
// network (`berth bundle`): then this stack holds no resource, and its outputs
// say what to do. Either way they say what is the client's duty now (AC-11).
package onpremises

import (
	"errors"
	"fmt"
	"slices"

	"github.com/berth-iac/berth/components/host"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/site"
	"github.com/berth-iac/berth/machine"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/output"
	"github.com/berth-iac/berth/stacks/providers"
	"github.com/berth-iac/berth/stacks/secrets"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// rateLimit of the client's API: there is no edge that counts before it.
var rateLimit = spec.RateLimit{Requests: 600, PeriodSeconds: 60}

// backupFolder is where the cluster's backups lie on the machine.
const backupFolder = "/srv/data/pgbackrest"

// Program registers the client's machine, where it is reached by SSH.
func Program(ctx *pulumi.Context, s *spec.OnPremises, source secrets.Source) error {
	outputs := stated(s)
	if s.Machine == nil {
		outputs = append(outputs, output.Output{Name: "archive", Purpose: "how the client's administrator gets what to run",
			Value: pulumi.String("berth bundle " + ctx.Stack())})
		return output.Export(ctx, outputs)
	}
	versions, err := install(ctx, s, source)
	if err != nil {
		return err
	}
	outputs = append(outputs, output.Output{Name: "bundleVersions", Purpose: "what lies on the machine, by digest", Value: versions})
	return output.Export(ctx, outputs)
}

// install puts the bundles on the machine, the machine's own first.
func install(ctx *pulumi.Context, s *spec.OnPremises, source secrets.Source) (pulumi.StringMap, error) {
	sc := scope.Scope{
		Client: s.Client.Name, Environment: string(s.Environment), Stack: ctx.Stack(),
		Protect: s.Environment == spec.Production && s.Leaving == nil,
	}
	machines, err := providers.Machines(ctx, source)
	if err != nil {
		return nil, err
	}
	rendered, err := Bundles(s)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, b := range rendered {
		names = append(names, b.Secrets...)
	}
	values, err := source.Get(names)
	if err != nil {
		return nil, fmt.Errorf("secrets of the client %s:\n%w", s.Client.Name, err)
	}
	known := map[string]pulumi.StringInput{}
	for name, value := range Settings(s) {
		known[name] = pulumi.String(value)
	}
	versions, before := pulumi.StringMap{}, []pulumi.Resource(nil)
	for _, b := range rendered {
		settings, err := site.Settings(b, known)
		if err != nil {
			return nil, err
		}
		name := "client"
		if b.Name == "host" {
			name = "host"
		}
		made, err := machine.NewBundle(ctx, name, machine.BundleArgs{
			Connection: site.Connection(*s.Machine), Bundle: b, Settings: settings, Secrets: secrets.Of(values, b.Secrets),
		}, append(sc.Stateful(pulumi.DependsOn(slices.Clone(before))), pulumi.Provider(machines))...)
		if err != nil {
			return nil, err
		}
		versions[b.Name], before = made.Version, append(before, made)
	}
	return versions, nil
}

// Bundles are what lies on the client's machine, in the order in which they are applied.
func Bundles(s *spec.OnPremises) ([]bundle.Bundle, error) {
	reboot := s.Reboot.Time
	if s.Reboot.Automatic != nil && !*s.Reboot.Automatic {
		reboot = ""
	}
	own, errHost := host.Render(host.Description{
		Role: host.Premises, Name: s.Client.Name, Domain: "premises", TimeZone: s.TimeZone,
		Administrators: s.Administrators, DeployKeys: s.DeployKeys, SSHFrom: s.AdministratorCIDRs, WebFrom: s.PeopleCIDRs,
		Disks:      &host.Disks{Filesystem: s.Disks.Filesystem, Encrypt: *s.Disks.Encrypt, Erase: s.Disks.Erase},
		PostgreSQL: &host.PostgreSQL{Version: s.PostgreSQL.Version, MaxConnections: s.PostgreSQL.MaxConnections, SlotGiB: s.PostgreSQL.SlotGiB},
		Backup:     &host.Backup{KeepDays: s.Backup.KeepDays, ThirdPlace: s.Backup.ThirdPlace, Folder: s.Backup.Folder},
		Watch:      s.Watch, Alerts: s.Alerts, Reboot: reboot,
	})
	client, errClient := host.RenderClient(host.Client{
		Role: host.Premises, Standing: host.Home, Name: s.Client.Name, DisplayName: s.Client.DisplayName, Hostname: s.Hostname,
		Environment: s.Environment, Release: s.Release, Connections: s.Database.Connections, RateLimit: rateLimit, Maintenance: s.Maintenance,
	})
	if err := errors.Join(errHost, errClient); err != nil {
		return nil, err
	}
	return []bundle.Bundle{own, client}, nil
}

// Settings are the values of the bundles' settings, all of which the client's file has.
func Settings(s *spec.OnPremises) map[string]string {
	return map[string]string{"disk-a": s.Disks.Devices[0], "disk-b": s.Disks.Devices[1]}
}

// Duties are what the client does itself on its premises, in plain words (AC-11).
func Duties(s *spec.OnPremises) []string {
	copies := "Backups lie on this machine's own disks alone: copy " + backupFolder + " to another machine every day, and keep what you copy."
	switch {
	case s.Backup.ThirdPlace != nil:
		copies = "Keep the bucket " + s.Backup.ThirdPlace.Bucket + " paid for and writable for this machine alone: the backups' copies lie there."
	case s.Backup.Folder != "":
		copies = "Keep " + s.Backup.Folder + " mounted, with room for " + fmt.Sprint(s.Backup.KeepDays) + " days of backups, and on another machine than this one."
	}
	return []string{
		"Keep the machine in a locked room with power and cooling, and decide who may enter it.",
		copies,
		"Restore a backup twice a year, as the operator's page says, and note how long it took.",
		"Replace a failed disk within days: the mirror holds one failure, and the machine mails when it happens.",
		"Read the mails that the machine sends to " + s.Alerts.Emails[0] + "; one that stays away for a day is an alarm as well.",
		"Renew the certificate of " + s.Hostname + " before it ends.",
		"Keep the list of administrators in step with who works for you: each has a last day.",
		"Send the health report that `berth-report` writes when we ask for it.",
	}
}

// stated are the outputs that need no machine.
func stated(s *spec.OnPremises) []output.Output {
	return []output.Output{
		{Name: "url", Purpose: "where the client's people go", Value: pulumi.String("https://" + s.Hostname)},
		{Name: "duties", Purpose: "what the client does itself on its premises", Value: pulumi.ToStringArray(Duties(s))},
	}
}
