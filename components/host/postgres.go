package host

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/machine/bundle"
)

// Ports of a machine's clusters.
const (
	mainPort   = 5432 // its own clients'
	sisterPort = 5433 // the standby of the sister's
)

// cluster is what files of one cluster are made of.
type cluster struct {
	Description
	Version, Cluster, Purpose, Stanza string
	Port, CounterpartPort             int
	MaxConnections, SlotGiB           int
	PgBackRest, RestoreCommand        string
	Server                            bool // lets the sister in
	FromStandby                       bool // backs up the sister's main as it runs there, most of it from the standby that is here
}

// clusters of the machine: its own and, with a sister, the copy of the sister's.
func (d Description) clusters() []cluster {
	if d.PostgreSQL == nil {
		return nil
	}
	p := d.PostgreSQL
	all := []cluster{{
		Description: d, Version: p.Version, Cluster: "main", Stanza: d.Name, Port: mainPort, CounterpartPort: sisterPort, MaxConnections: p.MaxConnections, SlotGiB: p.SlotGiB,
		Purpose: "this machine's own clients", PgBackRest: "pgbackrest --stanza=" + d.Name, Server: d.Sister != nil,
	}}
	if d.Sister != nil {
		promoted := "pgbackrest --config=/etc/pgbackrest/sister.conf --config-include-path=/etc/pgbackrest/sister.d --stanza=" + d.Sister.Name
		all = append(all, cluster{
			Description: d, Version: p.Version, Cluster: "sister", Stanza: d.Sister.Name, Port: sisterPort, CounterpartPort: mainPort, MaxConnections: p.MaxConnections, SlotGiB: p.SlotGiB,
			Purpose: "the copy of " + d.Sister.Name + "'s, which follows until it is promoted", PgBackRest: promoted,
			RestoreCommand: promoted + " --no-archive-async --repo=2 archive-get %f \"%p\"",
		})
	}
	return all
}

// site is what scripts know of the machine.
type site struct {
	Description
	Repositories                          []int
	BackupAgeHours, ReplicationLagSeconds int
}

func (d Description) site() site {
	s := site{Description: d, BackupAgeHours: d.Watch.BackupAgeHours, ReplicationLagSeconds: d.Watch.ReplicationLagSeconds}
	if s.BackupAgeHours == 0 {
		s.BackupAgeHours = 26
	}
	if s.ReplicationLagSeconds == 0 {
		s.ReplicationLagSeconds = 60
	}
	s.Repositories = d.repositories()
	return s
}

// Folders of scripts on a machine.
const (
	commands = "/usr/local/sbin/"
	library  = "/usr/local/lib/berth/host/"
)

// postgres is the machine's cluster, its certificates, and, on a site, the copy of the sister's with all that a failover needs.
func (d Description) postgres() bundle.Bundle {
	if d.PostgreSQL == nil {
		return bundle.Bundle{}
	}
	version := d.PostgreSQL.Version
	b := bundle.Bundle{
		Packages: []string{"jq", "openssl", "postgresql-" + version, "postgresql-client-" + version, "postgresql-common"},
		Files: []bundle.File{
			readable("/etc/postgresql-common/createcluster.d/berth.conf", clusterText("createcluster.conf", nil)),
			readable(library+"site.conf", clusterText("site.conf", d.site())),
			readable(library+"clusters.sh", clusterText("clusters.sh", nil)),
			runnable(library+"keys", bundle.KeysScript),
			runnable(commands+"berth-access", clusterText("berth-access", nil)),
			runnable(commands+"berth-certificates", clusterText("berth-certificates", nil)),
			runnable(library+"checks/certificates", clusterText("certificates", nil)),
		},
	}
	scripts := []string{}
	timers := []string{"berth-certificates"}
	if d.Sister != nil {
		b.Settings = []string{"sister-authority"}
		scripts = []string{"berth-fence", "berth-promote", "berth-rejoin", "berth-standby", "berth-yield"}
		timers = append(timers, "berth-standby")
		b.Files = append(b.Files,
			runnable(library+"checks/replication-lag", clusterText("replication-lag", nil)),
			runnable(library+"checks/standby", clusterText("standby", nil)))
	}
	for _, name := range scripts {
		b.Files = append(b.Files, runnable(commands+name, clusterText(name, nil)))
	}
	for _, name := range timers {
		files, unit := timed(name, d)
		b.Files = append(b.Files, files...)
		b.Units = append(b.Units, unit)
	}
	for _, c := range d.clusters() {
		folder := "/etc/postgresql/" + version + "/" + c.Cluster + "/"
		b.Files = append(b.Files,
			ofPostgres(folder+"postgresql.conf", clusterText("postgresql.conf", c)),
			ofPostgres(folder+"pg_hba.conf", clusterText("pg_hba.conf", c)),
			ofPostgres(folder+"start.conf", clusterText("start.conf", nil)),
			ofPostgres(folder+"environment", clusterText("environment", nil)),
			ofPostgres(folder+"pg_ctl.conf", clusterText("pg_ctl.conf", nil)),
			readable(fmt.Sprintf("/etc/systemd/system/postgresql@%s-%s.service.d/berth.conf", version, c.Cluster), clusterText("cluster.conf", c)))
	}
	main := d.clusters()[0]
	folder := "/etc/postgresql/" + version + "/main/"
	b.Units = append(b.Units, bundle.Unit{
		// Step 55 starts it, unless its data are served at the sister site: then it stays down, and that is no drift.
		Name: "postgresql@" + version + "-main.service", State: bundle.Enabled,
		RestartOn: []string{folder + "conf.d/memory.conf", folder + "postgresql.conf"},
	})
	b.Steps = []bundle.Step{
		{Name: "20-certificates", Script: clusterText("step-20-certificates", main)},
		{Name: "30-postgresql", Script: clusterText("step-30-postgresql", main)},
		{Name: "55-postgresql", Script: clusterText("step-55-postgresql", exporting{main, d.Watch.Exporters})},
	}
	return b
}

type exporting struct {
	cluster
	Exporters bool
}

// database is the name of the client's database, and of the role that owns it.
func (c Client) databaseName() string { return strings.ReplaceAll(c.Name, "-", "_") }

// clientDatabase is what the files of a client's database are made of.
type clientDatabase struct {
	Client
	Database, Cluster string
}

func (c Client) onCluster() clientDatabase {
	if c.Standing == Standby {
		return clientDatabase{c, c.databaseName(), "sister"}
	}
	return clientDatabase{c, c.databaseName(), "main"}
}

// database is the client's role and database in the machine's cluster; on the standby's machine both come by replication.
func (c Client) database() bundle.Bundle {
	if c.RemoteDatabase {
		return bundle.Bundle{}
	}
	data := c.onCluster()
	return bundle.Bundle{
		Files: []bundle.File{readable("/etc/berth/clients.d/"+c.Name, clusterText("client", data))},
		Steps: []bundle.Step{{Name: "45-database-" + c.Name, Script: clusterText("step-45-database", data)}},
	}
}

// databaseProblem tells why a client of that name can have no database on a cluster that others share; "" if it can.
func databaseProblem(name string) string {
	role := strings.ReplaceAll(name, "-", "_")
	taken := []string{"postgres", "template0", "template1", "public", "none", "prometheus", "root"}
	prefixes := []string{"pg_", "bi_", "bg_", "berth_"}
	if slices.Contains(taken, role) || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(role, p) }) {
		return fmt.Sprintf("client name %q would be the role %s, which PostgreSQL or the machine itself uses: choose another name", name, role)
	}
	return ""
}
