package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AV5 is the failover from a lost machine or data centre to its counterpart.
func (catalogue) AV5() promises.Promise {
	return promises.Promise{
		ID:       "AV-5",
		Title:    "On the counterpart within 4 hours",
		Sentence: "When your machine, or its whole data centre, is lost, you run on its counterpart within 4 hours.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnSites: promises.Ours},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "time to run on the counterpart (RTO)", Value: "4 hours"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the resource graph shows that both machines have the tool that makes the counterpart serve, that two primaries of the same data are prevented, and that the edge tries the home site first and the standby after it; how long it takes, a drill shows"},
			{Level: promises.Drill, How: "a machine and a whole site are taken away, and the time until the counterpart serves every client is measured"},
		},
		Keywords: []string{
			"data centre lost", "data centre destroyed recover", "data centre failover", "served from the other site",
			"failover to the other site within hours", "site lost machine lost", "switch to counterpart", "how quickly switch over data centre",
			"how quickly served from the other site", "recover primary data centre destroyed", "data centre outage", "machine lost",
			"hardware failure", "failover time", "counterpart within 4 hours", "disaster failover", "failover test", "failover drill",
			"loss of a data centre", "site outage", "switch to the standby", "failover to the other site",
		},
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: counterpartServes},
	}
}
