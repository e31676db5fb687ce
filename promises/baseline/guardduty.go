package baseline

import (
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

const (
	detectorType = "aws:guardduty/detector:Detector"
	inDetection  = "components/audit, detection.go"
)

// GuardDuty1 is a watch for attacks.
func (baseline) GuardDuty1() promises.Control {
	return promises.Control{
		ID: "GuardDuty.1", Title: "GuardDuty watches the account", Severity: "high",
		References: []string{fsbp("GuardDuty.1")},
		Check: func(s promises.Subject, r *promises.Report) {
			const expected, fix = "true, in each region of the organisation", "set enable in " + inDetection
			for _, detector := range inEveryRegion(s, r, detectorType, "GuardDuty detector", expected, fix) {
				r.Want(detector, on(detector, "enable"), "enable", expected, fix)
			}
		},
	}
}

// features judges whether every detector has a feature. part is an additional configuration of it, or empty.
func features(name, part string) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		for _, detector := range s.Graph.OfType(detectorType) {
			has := slices.ContainsFunc(detector.Referrers("detectorId", "aws:guardduty/detectorFeature:DetectorFeature"), func(feature *graph.Resource) bool {
				whole := feature.Text("name") == name && feature.Text("status") == "ENABLED"
				return whole && (part == "" || slices.ContainsFunc(feature.Items("additionalConfigurations"), func(c graph.Item) bool {
					return c.Text("name") == part && c.Text("status") == "ENABLED"
				}))
			})
			what := name + either(part == "", "", " with "+part)
			r.Say(detector, has, either(has, what+" is enabled", what+" is not enabled"), what+" enabled", "enable "+what+" in "+inDetection)
		}
	}
}

// GuardDuty8 is a search for malware on disks.
func (baseline) GuardDuty8() promises.Control {
	return promises.Control{
		ID: "GuardDuty.8", Title: "GuardDuty looks for malware on disks", Severity: "high",
		References: []string{fsbp("GuardDuty.8")}, Check: features("EBS_MALWARE_PROTECTION", ""),
	}
}

// GuardDuty9 is a watch over databases.
func (baseline) GuardDuty9() promises.Control {
	return promises.Control{
		ID: "GuardDuty.9", Title: "GuardDuty watches who signs in to databases", Severity: "high",
		References: []string{fsbp("GuardDuty.9")}, Check: features("RDS_LOGIN_EVENTS", ""),
	}
}

// GuardDuty10 is a watch over buckets.
func (baseline) GuardDuty10() promises.Control {
	return promises.Control{
		ID: "GuardDuty.10", Title: "GuardDuty watches what is done to objects in buckets", Severity: "high",
		References: []string{fsbp("GuardDuty.10")}, Check: features("S3_DATA_EVENTS", ""),
	}
}

// GuardDuty11 is a watch inside machines.
func (baseline) GuardDuty11() promises.Control {
	return promises.Control{
		ID: "GuardDuty.11", Title: "GuardDuty watches what runs", Severity: "high",
		References: []string{fsbp("GuardDuty.11")}, Check: features("RUNTIME_MONITORING", ""),
	}
}

// GuardDuty13 is a watch inside machines without work on each.
func (baseline) GuardDuty13() promises.Control {
	return promises.Control{
		ID: "GuardDuty.13", Title: "GuardDuty puts its agent on machines by itself", Severity: "medium",
		References: []string{fsbp("GuardDuty.13")}, Check: features("RUNTIME_MONITORING", "EC2_AGENT_MANAGEMENT"),
	}
}
