package host

import (
	"fmt"
	"strings"

	"github.com/berth-iac/berth/machine/bundle"
)

// watch is what tells people that something is wrong, and what looks for it.
func (d Description) watch() bundle.Bundle {
	b := bundle.Bundle{
		Packages: []string{"ca-certificates", "curl", "iputils-ping", "jq", "msmtp", "msmtp-mta", "openssl"},
		Files: []bundle.File{
			// Root's alone: who knows the heartbeat's address can feign that all is well.
			{Path: "/etc/berth/watch.conf", Content: d.watchConfiguration(), Mode: 0o600},
			program(sbin+"berth-alert", serviceRaw("watch/berth-alert")),
			program(sbin+"berth-check", serviceRaw("watch/berth-check")),
			program(sbin+"berth-heartbeat", serviceRaw("watch/berth-heartbeat")),
			program(hostLib+"unit-failed", serviceRaw("watch/unit-failed")),
			plain(unitFolder+"berth-alert@.service", serviceRaw("watch/berth-alert@.service")),
			plain(unitFolder+"berth-mail.service", serviceRaw("watch/berth-mail.service")),
		},
		Steps: []bundle.Step{{Name: "45-mail", Script: serviceText("watch/mail-45.sh", d.Watch.Mail)}},
		Units: []bundle.Unit{
			{Name: "berth-mail.service", State: bundle.Running, RestartOn: []string{"/etc/berth/msmtprc"}},
			{Name: "msmtpd.service", State: bundle.Masked}, // the package's own, in whose place berth-mail is
		},
	}
	for _, name := range []string{"berth-alert-queue", "berth-check", "berth-heartbeat", "berth-daily"} {
		b.Files = append(b.Files,
			plain(unitFolder+name+".service", serviceRaw("watch/"+name+".service")),
			plain(unitFolder+name+".timer", serviceRaw("watch/"+name+".timer")))
		b.Units = append(b.Units, bundle.Unit{Name: name + ".timer", State: bundle.Running})
	}
	checks := []string{"disk-space", "clock", "website-certificates", "failed-units", "updates", "bundles", "alerts"}
	if d.Disks != nil {
		checks = append(checks, "raid")
	}
	for _, name := range checks {
		b.Files = append(b.Files, program(hostLib+"checks/"+name, serviceRaw("watch/checks/"+name)))
	}
	if d.Sister != nil {
		b.Files = append(b.Files, program(hostLib+"checks/sister", serviceText("watch/checks/sister",
			struct{ Name, Address string }{d.Sister.Name, d.Sister.Address.String()})))
	}
	if d.Watch.Mail.User != "" {
		b.Secrets = append(b.Secrets, "mail-password")
	}
	if d.Watch.SlackWebhook {
		b.Secrets = append(b.Secrets, "slack-webhook")
	}
	if d.Watch.SMSGateway != "" {
		b.Secrets = append(b.Secrets, "sms-token")
	}
	if d.Watch.Exporters {
		d.exporters(&b)
	}
	return b
}

// exporters put numbers where Prometheus finds them: at the tunnel's address, or on the machine alone where there is no tunnel.
func (d Description) exporters(b *bundle.Bundle) {
	address := "127.0.0.1"
	if d.Sister != nil {
		address = d.Sister.Own.String()
	}
	add := func(name string, text string) {
		dropIn := unitFolder + name + ".service.d/berth.conf"
		b.Packages = append(b.Packages, name)
		b.Files = append(b.Files, plain(dropIn, text))
		b.Units = append(b.Units, bundle.Unit{Name: name + ".service", State: bundle.Running, RestartOn: []string{dropIn}})
	}
	add("prometheus-node-exporter", serviceText("watch/node-exporter.conf", address))
	if d.PostgreSQL != nil {
		add("prometheus-postgres-exporter", serviceText("watch/postgres-exporter.conf", address))
	}
}

// watchConfiguration is read by the shell programs of the watch.
func (d Description) watchConfiguration() string {
	slack := "no"
	if d.Watch.SlackWebhook {
		slack = "yes"
	}
	name := d.Name
	if d.Domain != "" {
		name += "." + d.Domain
	}
	var out strings.Builder
	out.WriteString("# Whom this machine tells what is wrong, and how. Read by berth-alert and berth-heartbeat.\n")
	for _, one := range []struct{ name, value string }{
		{"MACHINE", name}, {"EMAILS", strings.Join(d.Alerts.Emails, " ")}, {"MAIL_FROM", d.Watch.Mail.From}, {"SLACK", slack},
		{"SMS_GATEWAY", d.Watch.SMSGateway}, {"PHONES", strings.Join(d.Alerts.Phones, " ")}, {"HEARTBEAT_URL", d.Watch.HeartbeatURL},
	} {
		_, _ = fmt.Fprintf(&out, "%s=%s\n", one.name, shellQuote(one.value))
	}
	return out.String()
}

// watched looks after one client.
func (c Client) watched() bundle.Bundle {
	folder := "/usr/local/lib/berth/client-" + c.Name + "/checks/"
	return bundle.Bundle{Files: []bundle.File{
		program(folder+"service-"+c.Name, serviceText("watch/checks/service", struct{ Name, Version string }{c.Name, c.Release.Version})),
		program(folder+"attachments-"+c.Name, serviceText("watch/checks/attachments", struct {
			Name   string
			Sister bool
		}{c.Name, c.Role == Site})),
	}}
}
