package baseline

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

const fleetType = "aws:autoscaling/group:Group"

// AutoScaling1 is machines that the load balancer finds sick.
func (baseline) AutoScaling1() promises.Control {
	return promises.Control{
		ID: "AutoScaling.1", Title: "Groups behind a load balancer replace what it finds unhealthy", Severity: "low",
		References: []string{fsbp("AutoScaling.1")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, fleet := range s.Graph.OfType(fleetType) {
				if fleet.Has("targetGroupArns") || fleet.Has("loadBalancers") {
					r.Want(fleet, fleet.Text("healthCheckType") == "ELB", "healthCheckType", "ELB", "set healthCheckType in "+inMachines)
				}
			}
		},
	}
}

// AutoScaling2 is groups in several zones.
func (baseline) AutoScaling2() promises.Control {
	return promises.Control{
		ID: "AutoScaling.2", Title: "Groups start machines in two zones or more", Severity: "medium",
		References: []string{fsbp("AutoScaling.2")},
		Check: want(fleetType, "vpcZoneIdentifiers", "subnets of the stack in two zones or more", "raise aws.zones in the client's spec", func(fleet *graph.Resource) bool {
			return len(zones(fleet.Refs("vpcZoneIdentifiers", subnetType))) >= 2
		}),
	}
}

// AutoScaling9 is groups from templates.
func (baseline) AutoScaling9() promises.Control {
	return promises.Control{
		ID: "AutoScaling.9", Title: "Groups start machines from a launch template", Severity: "medium",
		References: []string{fsbp("AutoScaling.9")},
		Check: want(fleetType, "launchTemplate", "a launch template of the stack", "give the group the template in "+inMachines, func(fleet *graph.Resource) bool {
			return fleet.Ref("launchTemplate.id", templateType) != nil || fleet.Ref("launchTemplate.name", templateType) != nil
		}),
	}
}
