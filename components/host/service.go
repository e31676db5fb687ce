package host

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"text/template"

	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/spec"
)

//go:embed files/service files/front files/watch files/report
var serviceFiles embed.FS

const (
	hostLib    = "/usr/local/lib/berth/host/"
	unitFolder = "/etc/systemd/system/"
	sbin       = "/usr/local/sbin/"
)

// serviceText fills a file in. What it names and data has not is a mistake in this package, which its tests find.
func serviceText(name string, data any) string {
	raw, err := fs.ReadFile(serviceFiles, "files/"+name)
	if err != nil {
		panic(err)
	}
	t := template.Must(template.New(name).Option("missingkey=error").Funcs(template.FuncMap{"quote": shellQuote}).Parse(string(raw)))
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		panic(err)
	}
	return out.String()
}

// serviceRaw is a file as it is, for scripts that are never filled in.
func serviceRaw(name string) string {
	raw, err := fs.ReadFile(serviceFiles, "files/"+name)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// shellQuote is a word for a shell that is nothing but itself.
func shellQuote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func program(path, text string) bundle.File {
	return bundle.File{Path: path, Content: text, Mode: 0o755}
}
func plain(path, text string) bundle.File { return bundle.File{Path: path, Content: text, Mode: 0o644} }

// service is what TaskFlow needs on a machine whoever its clients are: units for an instance of each, the installer of releases, and,
// with a sister, what carries attachments from the site that serves to the one that stands by.
func (d Description) service() bundle.Bundle {
	allow := "localhost"
	if d.Role == Light {
		// The database is another machine of the provider's private network, and so is who resolves its name.
		allow += " 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16"
	}
	sister := ""
	if d.Sister != nil {
		sister = d.Sister.Address.String()
	}
	hardening := serviceText("service/hardening.conf", struct{ Allow string }{allow})
	b := bundle.Bundle{
		Packages: []string{"curl", "jq", "minisign", "openssl"},
		Files: []bundle.File{
			plain(unitFolder+"taskflow@.service", serviceRaw("service/taskflow@.service")),
			plain(unitFolder+"taskflow@.service.d/hardening.conf", hardening),
			plain(unitFolder+"taskflow@.socket", serviceRaw("service/taskflow@.socket")),
			plain(unitFolder+"taskflow-migrate@.service", serviceRaw("service/taskflow-migrate@.service")),
			plain(unitFolder+"taskflow-migrate@.service.d/hardening.conf", hardening),
			plain(unitFolder+"taskflow-backup@.service", serviceRaw("service/taskflow-backup@.service")),
			plain(unitFolder+"taskflow-backup@.service.d/hardening.conf", hardening),
			plain(unitFolder+"taskflow-backup@.timer", serviceRaw("service/taskflow-backup@.timer")),
			program(hostLib+"install-release", serviceRaw("service/install-release")),
			program(hostLib+"serves", serviceRaw("service/serves")),
			program(hostLib+"taskflow-digest", serviceRaw("service/taskflow-digest")),
			program(sbin+"berth-taskflow", serviceRaw("service/berth-taskflow")),
			plain("/etc/taskflow/mail.env", fmt.Sprintf("TASKFLOW_MAIL_HOST=127.0.0.1\nTASKFLOW_MAIL_PORT=25\nTASKFLOW_MAIL_TLS=off\nTASKFLOW_MAIL_FROM=%s\n", shellQuote(d.Watch.Mail.From))),
		},
	}
	if d.Sister != nil {
		addresses := struct{ Sister, Own string }{sister, d.Sister.Own.String()}
		b.Packages = append(b.Packages, "rsync")
		b.Files = append(b.Files,
			plain(unitFolder+"taskflow-attachments@.service", serviceText("service/taskflow-attachments@.service", addresses)),
			plain(unitFolder+"taskflow-attachments@.service.d/hardening.conf", hardening),
			plain(unitFolder+"taskflow-attachments@.timer", serviceRaw("service/taskflow-attachments@.timer")),
			plain(unitFolder+"berth-attachments.service", serviceText("service/berth-attachments.service", addresses)),
			plain("/etc/berth/attachments.conf", serviceText("service/attachments.conf", addresses)),
			plain("/etc/taskflow/sister", "rsync://"+sister+":873\n"),
			program(hostLib+"fetch-attachments", serviceRaw("service/fetch-attachments")),
		)
		b.Steps = append(b.Steps, bundle.Step{Name: "38-attachments", Script: serviceRaw("service/step-38-attachments")})
		b.Units = append(b.Units, bundle.Unit{Name: "berth-attachments.service", State: bundle.Running, RestartOn: []string{"/etc/berth/attachments.conf"}})
	}
	if d.Backup != nil && d.Backup.ThirdPlace != nil {
		d.copies(&b)
	}
	return b
}

// copies bring the clients' encrypted backups to the third place: the cluster's own backups hold no attachments.
func (d Description) copies(b *bundle.Bundle) {
	p := d.Backup.ThirdPlace
	b.Packages = append(b.Packages, "rclone")
	b.Files = append(b.Files,
		program(hostLib+"copy-backups", serviceText("service/copy-backups", struct {
			Bucket, Machine, Endpoint, Region string
			KeepDays                          int
		}{p.Bucket, d.Name, "https://" + p.Endpoint, p.Region, d.Backup.KeepDays})),
		plain(unitFolder+"taskflow-copies.service", serviceRaw("service/taskflow-copies.service")),
		plain(unitFolder+"taskflow-copies.timer", serviceRaw("service/taskflow-copies.timer")))
	b.Units = append(b.Units, bundle.Unit{Name: "taskflow-copies.timer", State: bundle.Running})
	b.Secrets = append(b.Secrets, "backup-access-key", "backup-secret-key")
}

// user is the client's Linux user, role its role and database in PostgreSQL.
func (c Client) user() string { return "tf-" + c.Name }
func (c Client) role() string { return strings.ReplaceAll(c.Name, "-", "_") }

// instance is TaskFlow of one client.
func (c Client) instance() bundle.Bundle {
	config := "/etc/taskflow/" + c.Name + "/config.yaml"
	if c.RemoteDatabase { // a step fills in where the database is
		config = "/etc/taskflow/" + c.Name + "/config.template"
	}
	data := struct {
		Name, User, Version, SHA256, URL, PublicKey string
		Remote, Home                                bool
	}{
		c.Name, c.user(), c.Release.Version, c.Release.SHA256, c.Release.Source.URL, c.Release.Source.PublicKey,
		c.RemoteDatabase, c.Standing == Home,
	}
	b := bundle.Bundle{
		Files: []bundle.File{
			plain(config, c.configuration()),
			plain("/etc/taskflow/"+c.Name+"/standing", string(c.Standing)+"\n"),
		},
		Steps: []bundle.Step{
			{Name: "40-taskflow", Script: serviceText("service/instance-40.sh", data)},
			{Name: "70-taskflow", Script: serviceText("service/instance-70.sh", data)},
		},
		// Both timers are on at both sites: each looks who serves the client before it does anything. The service itself is step 70's to
		// enable and start, where the client is served: an apply during a failover must not bring it back at home, nor take it from
		// the standby.
		Units:   []bundle.Unit{{Name: "taskflow-backup@" + c.Name + ".timer", State: bundle.Running}},
		Secrets: []string{"application-key", "backup-key"},
	}
	if c.Role == Site {
		b.Units = append(b.Units, bundle.Unit{Name: "taskflow-attachments@" + c.Name + ".timer", State: bundle.Running})
	}
	if c.RemoteDatabase {
		b.Settings = []string{"database-host", "database-port"}
		b.Secrets = append(b.Secrets, "database-password")
	}
	return b
}

// The service's own configuration, as its reference has it; what is left out has TaskFlow's default.
type (
	taskflow struct {
		Environment  string         `json:"environment"`
		TestDataOnly bool           `json:"testDataOnly"`
		Release      string         `json:"release"`
		Public       map[string]any `json:"public"`
		Listen       map[string]any `json:"listen"`
		Limits       map[string]any `json:"limits"`
		Rates        map[string]any `json:"rates"`
		Client       taskflowClient `json:"client"`
		Storage      map[string]any `json:"storage"`
		Backups      map[string]any `json:"backups"`
	}
	taskflowClient struct {
		Name          string         `json:"name"`
		DisplayName   string         `json:"displayName"`
		Hosts         []string       `json:"hosts"`
		Database      map[string]any `json:"database"`
		SealKeys      []string       `json:"sealKeys"`
		StoragePrefix string         `json:"storagePrefix"`
		SpacePrefix   string         `json:"spacePrefix"`
		Facts         map[string]any `json:"facts"`
	}
)

// configuration is JSON, which is YAML too and has one way to quote.
func (c Client) configuration() string {
	etc, data := "/etc/taskflow/"+c.Name+"/", "/srv/data/taskflow/"+c.Name+"/"
	database := map[string]any{
		"engine": "postgresql", "host": "/run/postgresql", "port": 5432, "name": c.role(), "user": c.role(), "tls": "off",
		// Commands and backups need connections of the role, too.
		"maxOpen": max(2, c.Connections*3/4),
	}
	if c.Standing == Standby {
		database["port"] = 5433 // the standby of the sister's cluster, which keeps its port when it is promoted
	}
	if c.RemoteDatabase {
		database["host"], database["tls"], database["caFile"] = "unknown", "verify", etc+"database-ca.pem"
		database["password"] = "file:" + etc + "database-password"
	}
	t := taskflow{
		Environment: string(c.Environment), TestDataOnly: c.Environment != spec.Production, Release: c.Release.Version,
		Public: map[string]any{"scheme": "https"},
		Listen: map[string]any{"addresses": []string{"127.0.0.1:0"}, "trustSocket": true, "requestIdHeader": "X-Request-Id"},
		Limits: map[string]any{"perClient": 2000},
		Rates: map[string]any{"client": map[string]any{
			"requests": cmp.Or(c.RateLimit.Requests, 600), "period": fmt.Sprintf("%ds", cmp.Or(c.RateLimit.PeriodSeconds, 60)),
		}},
		Client: taskflowClient{
			Name: c.Name, DisplayName: c.DisplayName, Hosts: []string{c.Hostname}, Database: database,
			SealKeys: []string{"file:" + etc + "application-key"}, StoragePrefix: c.Name, SpacePrefix: c.Name,
			Facts: map[string]any{
				"residency": strings.Join(c.Countries, ", "), "maintenanceWindow": c.Maintenance.Window, "maintenanceNoticeDays": c.Maintenance.NoticeDays,
			},
		},
		Storage: map[string]any{"kind": "disk", "directory": data + "files"},
		Backups: map[string]any{"directory": data + "backups", "key": "file:" + etc + "backup-key", "keep": 7, "scratch": data + "scratch"},
	}
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		panic(err) // maps of texts and numbers
	}
	return string(text) + "\n"
}
