package baseline

import (
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// Machines, their templates and their disks; settings of the account for all machines.

const (
	inMachines     = "components/compute, machines.go"
	inMachineRules = "components/identity, account.go"
	addressType    = "aws:ec2/eip:Eip"
)

// tokenOnly tells whether a machine's metadata is given out for a session's token only (IMDSv2), or not at all.
func tokenOnly(machine *graph.Resource) bool {
	return machine.Text("metadataOptions.httpTokens") == "required" || machine.Text("metadataOptions.httpEndpoint") == "disabled"
}

// EC23 is encryption of disks.
func (baseline) EC23() promises.Control {
	return promises.Control{
		ID: "EC2.3", Title: "Disks of machines are encrypted", Severity: "medium",
		References: []string{fsbp("EC2.3")},
		Check: func(s promises.Subject, r *promises.Report) {
			const expected, fix = "true", "set encrypted on the disk"
			for _, machine := range s.Graph.OfType(machineType) {
				r.Want(machine, machine.Bool("rootBlockDevice.encrypted"), "rootBlockDevice.encrypted", expected, fix)
				for _, disk := range machine.Items("ebsBlockDevices") {
					r.Want(machine, disk.Bool("encrypted"), disk.Path+".encrypted", expected, fix)
				}
			}
			wantTrue("aws:ebs/volume:Volume", "encrypted", expected, fix)(s, r)
		},
	}
}

// EC27 is encryption of disks that nobody thought of.
func (baseline) EC27() promises.Control {
	return promises.Control{
		ID: "EC2.7", Title: "The account encrypts every new disk by default", Severity: "medium",
		References: []string{fsbp("EC2.7"), cis("2.2.1")},
		Check: func(s promises.Subject, r *promises.Report) {
			const expected, fix = "true, in each region of the organisation", "set enabled in " + inMachineRules
			for _, setting := range inEveryRegion(s, r, "aws:ebs/encryptionByDefault:EncryptionByDefault", "encryption of new disks by default", expected, fix) {
				r.Want(setting, on(setting, "enabled"), "enabled", expected, fix)
			}
		},
	}
}

// EC28 is metadata for token holders only.
func (baseline) EC28() promises.Control {
	return promises.Control{
		ID: "EC2.8", Title: "Machines give their metadata for a session's token only (IMDSv2)", Severity: "high",
		References: []string{fsbp("EC2.8"), cis("5.6")},
		Check: func(s promises.Subject, r *promises.Report) {
			const expected = "required"
			want(machineType, "metadataOptions.httpTokens", expected, "set httpTokens to required on the machine", tokenOnly)(s, r)
			const fix = "set httpTokens to required in " + inMachineRules
			for _, defaults := range inEveryRegion(s, r, "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults", "default for machines' metadata", expected, fix) {
				r.Want(defaults, defaults.Text("httpTokens") == expected, "httpTokens", expected, fix)
			}
		},
	}
}

// EC29 is machines without public addresses.
func (baseline) EC29() promises.Control {
	return promises.Control{
		ID: "EC2.9", Title: "Machines have no public address", Severity: "high",
		References: []string{fsbp("EC2.9")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, machine := range s.Graph.OfType(machineType) {
				r.Want(machine, off(machine, "associatePublicIpAddress"), "associatePublicIpAddress", "false", "set associatePublicIpAddress to false on the machine")
				held := append(machine.Referrers("instance", addressType), machine.Referrers("instanceId", "aws:ec2/eipAssociation:EipAssociation")...)
				r.Say(machine, len(held) == 0, either(len(held) == 0, "no address is tied to it", "an address is tied to it"), "no elastic address", "take the address away")
			}
		},
	}
}

// EC217 is machines in one network only.
func (baseline) EC217() promises.Control {
	return promises.Control{
		ID: "EC2.17", Title: "Machines have one network interface", Severity: "low",
		References: []string{fsbp("EC2.17")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, machine := range s.Graph.OfType(machineType, templateType) {
				r.Want(machine, len(machine.Items("networkInterfaces")) <= 1, "networkInterfaces", "one at most", "keep one network interface")
			}
		},
	}
}

// EC225 is templates of machines without public addresses.
func (baseline) EC225() promises.Control {
	return promises.Control{
		ID: "EC2.25", Title: "Launch templates give machines no public address", Severity: "high",
		References: []string{fsbp("EC2.25")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, template := range s.Graph.OfType(templateType) {
				given := slices.ContainsFunc(template.Items("networkInterfaces"), func(i graph.Item) bool { return !off(i, "associatePublicIpAddress") })
				r.Want(template, !given, "networkInterfaces.*.associatePublicIpAddress", "false", "set associatePublicIpAddress to false in "+inMachines)
			}
		},
	}
}

// EC2170 is metadata of machines from templates.
func (baseline) EC2170() promises.Control {
	return promises.Control{
		ID: "EC2.170", Title: "Launch templates make machines give their metadata for a token only (IMDSv2)", Severity: "low",
		References: []string{fsbp("EC2.170"), cis("5.6")},
		Check:      want(templateType, "metadataOptions.httpTokens", "required", "set httpTokens to required in "+inMachines, tokenOnly),
	}
}

// EC2180 is machines that take their own traffic only.
func (baseline) EC2180() promises.Control {
	return promises.Control{
		ID: "EC2.180", Title: "Machines send and take traffic of their own address only", Severity: "medium",
		References: []string{fsbp("EC2.180")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, machine := range s.Graph.OfType(machineType, "aws:ec2/networkInterface:NetworkInterface") {
				r.Want(machine, on(machine, "sourceDestCheck"), "sourceDestCheck", "true, or absent", "take sourceDestCheck out")
			}
		},
	}
}

// EC2181 is disks of machines from templates.
func (baseline) EC2181() promises.Control {
	return promises.Control{
		ID: "EC2.181", Title: "Launch templates encrypt every disk", Severity: "medium",
		References: []string{fsbp("EC2.181")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, template := range s.Graph.OfType(templateType) {
				disks := template.Items("blockDeviceMappings")
				plain := slices.ContainsFunc(disks, func(disk graph.Item) bool { return disk.Has("ebs") && !disk.Bool("ebs.encrypted") })
				r.Want(template, len(disks) > 0 && !plain, "blockDeviceMappings.*.ebs.encrypted", "true for every disk", "set encrypted in "+inMachines)
			}
		},
	}
}

// EC2182 is snapshots that nobody publishes.
func (baseline) EC2182() promises.Control {
	return promises.Control{
		ID: "EC2.182", Title: "The account refuses to publish snapshots of disks", Severity: "high",
		References: []string{hub("EC2.182")},
		Check:      published("aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess", "snapshots of disks", "block-all-sharing"),
	}
}

// BerthEC21 is images that nobody publishes.
func (baseline) BerthEC21() promises.Control {
	return promises.Control{
		ID: "Berth.EC2.1", Title: "The account refuses to publish images of machines", Severity: "high",
		References: []string{"AWS EC2 User Guide, block public access to AMIs"},
		Check:      published("aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess", "images of machines", "block-new-sharing"),
	}
}

// published judges the account's block on publishing something.
func published(typeToken, what, state string) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		expected, fix := state+", in each region of the organisation", "set state to "+state+" in "+inMachineRules
		for _, block := range inEveryRegion(s, r, typeToken, "block on publishing "+what, expected, fix) {
			r.Want(block, block.Text("state") == state, "state", expected, fix)
		}
	}
}
