package baseline

import (
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

const (
	cacheType = "aws:elasticache/replicationGroup:ReplicationGroup"
	inCache   = "components/cache"
)

// ElastiCache1 is backups of caches.
func (baseline) ElastiCache1() promises.Control {
	return promises.Control{
		ID: "ElastiCache.1", Title: "Caches are backed up", Severity: "high",
		References: []string{fsbp("ElastiCache.1")},
		Check: want(cacheType, "snapshotRetentionLimit", "1 day or more", "set snapshotRetentionLimit in "+inCache,
			func(cache *graph.Resource) bool { return atLeast(cache, "snapshotRetentionLimit", 1) }),
	}
}

// ElastiCache2 is minor upgrades of caches.
func (baseline) ElastiCache2() promises.Control {
	return promises.Control{
		ID: "ElastiCache.2", Title: "Caches take minor versions by themselves", Severity: "high",
		References: []string{fsbp("ElastiCache.2")},
		Check:      wantTrue(cacheType, "autoMinorVersionUpgrade", "true", "set autoMinorVersionUpgrade in "+inCache),
	}
}

// ElastiCache3 is failover of caches.
func (baseline) ElastiCache3() promises.Control {
	return promises.Control{
		ID: "ElastiCache.3", Title: "Caches fail over by themselves", Severity: "medium",
		References: []string{fsbp("ElastiCache.3")},
		Check: func(s promises.Subject, r *promises.Report) {
			if s.Production() { // elsewhere a cache has one node, unless its file asks for more
				wantTrue(cacheType, "automaticFailoverEnabled", "true", "set automaticFailoverEnabled in "+inCache)(s, r)
			}
		},
	}
}

// ElastiCache4 is encryption of caches at rest.
func (baseline) ElastiCache4() promises.Control {
	return promises.Control{
		ID: "ElastiCache.4", Title: "Caches are encrypted at rest", Severity: "medium",
		References: []string{fsbp("ElastiCache.4")},
		Check:      wantTrue(cacheType, "atRestEncryptionEnabled", "true", "set atRestEncryptionEnabled in "+inCache),
	}
}

// ElastiCache5 is encryption of caches in transit.
func (baseline) ElastiCache5() promises.Control {
	return promises.Control{
		ID: "ElastiCache.5", Title: "Caches refuse connections without TLS", Severity: "medium",
		References: []string{fsbp("ElastiCache.5")},
		Check: func(s promises.Subject, r *promises.Report) {
			wantTrue(cacheType, "transitEncryptionEnabled", "true", "set transitEncryptionEnabled in "+inCache)(s, r)
			want(cacheType, "transitEncryptionMode", "required, or absent", "set transitEncryptionMode to required in "+inCache, func(cache *graph.Resource) bool {
				return slices.Contains([]string{"", "required"}, cache.Text("transitEncryptionMode"))
			})(s, r)
		},
	}
}

// ElastiCache6 is signing in to caches.
func (baseline) ElastiCache6() promises.Control {
	return promises.Control{
		ID: "ElastiCache.6", Title: "Caches let in only who signs in", Severity: "medium",
		References: []string{fsbp("ElastiCache.6")},
		Check: want(cacheType, "userGroupIds", "users of the stack; or an authToken, the only way before Redis 6", "give the cache its users in "+inCache,
			func(cache *graph.Resource) bool {
				major, _, _ := strings.Cut(cache.Text("engineVersion"), ".")
				version, err := strconv.Atoi(major)
				users := len(cache.Refs("userGroupIds", "aws:elasticache/userGroup:UserGroup")) > 0
				return cache.Has("authToken") || users && (err != nil || version >= 6)
			}),
	}
}

// ElastiCache7 is caches in subnets that somebody chose.
func (baseline) ElastiCache7() promises.Control {
	return promises.Control{
		ID: "ElastiCache.7", Title: "Caches stand in subnets of the stack", Severity: "high",
		References: []string{fsbp("ElastiCache.7")},
		Check: want(cacheType, "subnetGroupName", "a subnet group of the stack, not the default one", "set subnetGroupName in "+inCache, func(cache *graph.Resource) bool {
			group := cache.Ref("subnetGroupName", "aws:elasticache/subnetGroup:SubnetGroup")
			return group != nil && len(group.Refs("subnetIds", subnetType)) > 0
		}),
	}
}
