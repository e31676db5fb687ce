package host

import "github.com/berth-iac/berth/machine/bundle"

// repositories that the machine's backups go to: 1 on the machine, 2 on the sister or in a folder, 3 in a bucket.
func (d Description) repositories() []int {
	if d.Backup == nil {
		return nil
	}
	numbers := []int{1}
	if d.Sister != nil || d.Backup.Folder != "" {
		numbers = append(numbers, 2)
	}
	if d.Backup.ThirdPlace != nil {
		numbers = append(numbers, 3)
	}
	return numbers
}

// backupStep is what the step of backups is made of.
type backupStep struct{ Folders, KeyFiles []string }

// backups is pgBackRest: which copies go where, when, and what brings them back.
func (d Description) backups() bundle.Bundle {
	if d.Backup == nil || d.PostgreSQL == nil {
		return bundle.Bundle{}
	}
	type repository struct {
		Description
		Backup
	}
	data := repository{d, *d.Backup}
	b := bundle.Bundle{Packages: []string{"jq", "pgbackrest"}}
	configuration := func(path, name string, data any) {
		b.Files = append(b.Files, bundle.File{Path: "/etc/pgbackrest/" + path, Content: clusterText(name, data), Mode: 0o640, Owner: "root:postgres"})
	}
	step := backupStep{Folders: []string{"/srv/data/pgbackrest/own"}}
	clusters := d.clusters()
	configuration("pgbackrest.conf", "pgbackrest.conf", clusters[0])
	configuration("conf.d/repo1.conf", "repo1.conf", data)
	switch {
	case d.Sister != nil:
		configuration("conf.d/repo2.conf", "repo2-sister.conf", data)
		configuration("sister.conf", "pgbackrest.conf", clusters[1])
		copied := clusters[1]
		copied.FromStandby, copied.Purpose = true, "the main of "+d.Sister.Name+", into the repository that is here"
		configuration("copy.conf", "pgbackrest.conf", copied)
		configuration("sister.d/repo2.conf", "repo2-here.conf", data)
		step.Folders = append(step.Folders, "/srv/data/pgbackrest/sister")
		b.Files = append(b.Files, readable("/etc/systemd/system/pgbackrest.service.d/berth.conf", clusterText("server.conf", data)))
		b.Units = append(b.Units, bundle.Unit{Name: "pgbackrest.service", State: bundle.Running, RestartOn: []string{"/etc/pgbackrest/conf.d/", "/etc/pgbackrest/pgbackrest.conf", "/etc/systemd/system/pgbackrest.service.d/"}})
	case d.Backup.Folder != "":
		configuration("conf.d/repo2.conf", "repo2-folder.conf", data)
		step.Folders = append(step.Folders, d.Backup.Folder+"/pgbackrest")
		fallthrough
	default:
		b.Units = append(b.Units, bundle.Unit{Name: "pgbackrest.service", State: bundle.Masked})
	}
	if d.Backup.ThirdPlace != nil {
		b.Secrets = []string{"backup-access-key", "backup-passphrase", "backup-secret-key"}
		configuration("conf.d/repo3.conf", "repo3.conf", data)
		step.KeyFiles = []string{"/etc/pgbackrest/conf.d/repo3-keys.conf"}
		if d.Sister != nil {
			configuration("sister.d/repo3.conf", "repo3.conf", data)
			step.KeyFiles = append(step.KeyFiles, "/etc/pgbackrest/sister.d/repo3-keys.conf")
		}
	}
	b.Files = append(b.Files, readable(library+"backups.sh", clusterText("backups.sh", nil)))
	for _, name := range []string{"berth-backup", "berth-repositories", "berth-verify"} {
		files, unit := timed(name, d)
		b.Files = append(b.Files, append(files, runnable(commands+name, clusterText(name, nil)))...)
		b.Units = append(b.Units, unit)
	}
	b.Files = append(b.Files,
		runnable(commands+"berth-restore", clusterText("berth-restore", nil)),
		runnable(library+"checks/archive-lag", clusterText("archive-lag", nil)),
		runnable(library+"checks/backup-age", clusterText("backup-age", nil)))
	b.Steps = []bundle.Step{{Name: "35-backups", Script: clusterText("step-35-backups", step)}}
	return b
}
