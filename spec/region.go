package spec

import "slices"

// regions are the AWS regions that a spec may name.
var regions = []string{
	"af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
	"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ca-central-1", "ca-west-1",
	"eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
	"il-central-1", "me-central-1", "me-south-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
}

// RegionFor is the region that a residency is served from (AV-9). It is "" for an unknown residency.
func RegionFor(r Residency) string {
	switch r {
	case UnitedKingdom:
		return "eu-west-2"
	case EuropeanUnion:
		return "eu-west-1"
	}
	return ""
}

// Holds tells whether data in a region stays within the residency. Zurich
// (eu-central-2) and London are in Europe but not in the European Union.
func (r Residency) Holds(region string) bool {
	switch r {
	case UnitedKingdom:
		return region == "eu-west-2"
	case EuropeanUnion:
		return slices.Contains([]string{"eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"}, region)
	}
	return false
}

// otherRegion is where copies go unless the spec says otherwise.
func otherRegion(region string) string {
	if region == "eu-west-1" {
		return "eu-west-2"
	}
	return "eu-west-1"
}

// none is how a spec says that there is no second region.
const none = "none"
