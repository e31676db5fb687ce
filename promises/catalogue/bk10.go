package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// BK10 is the rebuilding of servers from the repository.
func (catalogue) BK10() promises.Promise {
	return promises.Promise{
		ID:       "BK-10",
		Title:    "Any server rebuilt by CI alone",
		Sentence: "Any server of yours can be rebuilt from the repository by our pipeline alone, without anybody's hand on it.",
		Duties: map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours,
			promises.OnSites: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			release := "the release that the client's file names"
			if s != nil && s.AWSClient != nil {
				release = s.AWSClient.Service.Release.Version
			}
			return []promises.Parameter{{Name: "rebuilt from", Value: "the repository, by CI"}, {Name: "release", Value: release, Key: "service.release.version"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Drill, How: "every server of a stack is destroyed and rebuilt by a pipeline run that nobody touches; its answers are compared with those from before"},
		},
		Keywords: []string{
			"rebuild server", "infrastructure as code", "recreate environment", "rebuild from scratch", "server rebuilt automated",
			"servers defined in code", "automated provisioning", "rebuild from repository", "lost server recreated", "rebuild from source control",
			"continuous integration", "bare metal recovery", "redeploy from scratch", "configuration drift", "immutable infrastructure",
			"server recreated automatically", "rebuild servers", "rebuilt from the repository", "reproducible servers",
		},
	}
}
