// Package bundle describes what a machine is to be, whatever it is for:
// packages, files, systemd units, and steps for what is neither (an array of
// disks, a database cluster, a key pair). A bundle is applied by a script that
// travels inside of it, berth-host, over SSH, from cloud-init, or by hand from a
// self-extracting archive without any network; it is the same bundle each time.
//
// Everything in a bundle can be read by whoever may see the stack, and is known
// before anything exists, so that a preview shows each line that would change.
// What is known only once things exist (the device of a volume, the public key
// of the sister site) comes beside it as settings, what nobody may read as
// secrets: neither is part of the bundle's version.
//
// The package knows no Pulumi, no SSH and nothing of what machines are for.
package bundle

// Bundle is what a machine is to be, or one part of that. Several bundles may
// lie on one machine: they must not name the same file.
type Bundle struct {
	// Name tells the bundles of a machine apart: lower-case letters, digits and hyphens, such as "host" or "client-globex".
	Name string
	// Packages are the distribution's packages that have to be installed, sorted, each once.
	Packages []string
	// Files, sorted by path, each path once.
	Files []File
	// Units are the systemd units that are to run, sorted by name, each once.
	Units []Unit
	// Steps do what is neither package nor file nor unit, in the order of their names.
	Steps []Step
	// Settings are the names of the settings that the bundle needs, sorted: lower-case letters, digits and hyphens. Their
	// values are single lines, which the applier writes to /etc/berth/<bundle>/settings as name=value.
	Settings []string
	// Secrets are the names of the secrets that the bundle needs, sorted. The applier writes each value to
	// /etc/berth/<bundle>/secrets/<name>, which root alone can read.
	Secrets []string
}

// File is one file of a machine. Its folders are made where they are missing, owned by root, mode 0755.
type File struct {
	Path    string // absolute and clean, such as /etc/nftables.conf
	Content string // text; never a secret
	Mode    uint32 // permission bits, such as 0o644
	Owner   string // "user:group" that exist once packages are installed; "" is root:root
}

// Unit is one systemd unit.
type Unit struct {
	Name string // such as nftables.service
	// State it is to be in.
	State UnitState
	// Reload tells to reload it instead of restarting it when one of RestartOn changed.
	Reload bool
	// RestartOn are the paths of files of the bundle; a change of one of them, or of the unit's own file, restarts the unit.
	// One that ends in "/" stands for all below it.
	RestartOn []string
}

// UnitState is what a unit is to be.
type UnitState string

// The states of a unit.
const (
	Running  UnitState = "running"  // enabled and started
	Enabled  UnitState = "enabled"  // started by the next boot or by what it belongs to (a template, a socket), not now
	Disabled UnitState = "disabled" // installed, neither enabled nor started
	Masked   UnitState = "masked"   // cannot be started at all
)

// Step is a bash script that is called with one argument, as root, with the settings and secrets in place:
//
//	check   changes nothing; prints one line for each thing that would change, and nothing when all is as it should be
//	apply   changes what check printed; may be killed at any moment and is then completed by the next apply
//	remove  undoes what keeps no data, when the bundle is taken off the machine
//
// A non-zero exit is a failure, whatever the argument; what it says on standard error is shown. Environment: BERTH_BUNDLE is the
// bundle's name, BERTH_ETC its folder /etc/berth/<bundle>, BERTH_LIB the folder /usr/local/lib/berth/<bundle>.
type Step struct {
	// Name orders the steps: two digits, a hyphen and lower-case words, such as "20-disks". The applier goes in this order:
	// settings and secrets; files; packages, whose services do not start yet; steps below 50; units; steps from 50 on. A file's
	// owner may come with a package: it is set again after the packages.
	Name string
	// Script is bash; the applier puts `set -Eeuo pipefail` and shared functions (lib.sh) before it.
	Script string
}
