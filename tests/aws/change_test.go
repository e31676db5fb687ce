package aws_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/berth-iac/berth/engine"
)

// The people who are told of alarms: the one of the client's file, and another.
const operations, duty = "operations@northwind.example", "duty@northwind.example"

// moreSubscriptions are the changes when one more person is told of alarms, or one fewer.
func moreSubscriptions(op string, want client) []string {
	all := []string{"update cloudflare:index/notificationPolicy:NotificationPolicy edge-health"}
	for _, channel := range []string{"alerting", "alerting-second", "alerting-global"} {
		if channel != "alerting-second" || want.second != "" {
			all = append(all, op+" aws:sns/topicSubscription:TopicSubscription "+channel+"-email-2")
		}
	}
	return all
}

// takenBack tells one person fewer of alarms, after drifted told one more.
func takenBack(want client) func(t *testing.T, d *deployed) {
	return func(t *testing.T, d *deployed) {
		regions := append(want.regions(), global)
		for _, region := range regions {
			if !d.tells(t, region, operations) || !d.tells(t, region, duty) {
				t.Errorf("AV-7: %s: alarms do not reach both addresses", region)
			}
		}
		d.edit(t, settings{"alerts.emails": []string{operations}})
		d.up(t).wantChanges(t, moreSubscriptions("delete", want)...)
		for _, region := range regions {
			if !d.tells(t, region, operations) || d.tells(t, region, duty) {
				t.Errorf("AV-7: %s: alarms reach an address that is no longer in the client's file", region)
			}
		}
	}
}

// tells says whether alarms of a region reach an address.
func (d *deployed) tells(t *testing.T, region, address string) bool {
	t.Helper()
	all := of(d.in(region).sns.ListSubscriptions(t.Context(), &sns.ListSubscriptionsInput{}))(t).Subscriptions
	return slices.ContainsFunc(all, func(s snstypes.Subscription) bool { return aws.ToString(s.Endpoint) == address })
}

// clientDanger previews a change that replaces what holds data, and wants berth to refuse it.
func clientDanger(t *testing.T, d *deployed) {
	before := of(d.in(first).rds.DescribeDBInstances(t.Context(), nil))(t)
	d.edit(t, settings{"network.cidr": "10.30.0.0/16"})
	defer d.edit(t, settings{"network.cidr": "10.20.0.0/16"})
	planned := d.run(t, "preview")
	for _, want := range []string{"replace aws:ec2/vpc:Vpc network-vpc", "replace aws:ec2/subnet:Subnet network-isolated-a"} {
		if !slices.Contains(planned.changes(), want) {
			t.Errorf("the preview has no %q", want)
		}
	}
	i := slices.IndexFunc(planned.Dangers, func(danger engine.Danger) bool { return danger.Name == "network-vpc" })
	if i < 0 {
		t.Fatalf("the preview does not call the replacement of the database's network a danger: %+v", planned.Dangers)
	}
	refused := d.try(t, "up", "--yes")
	if refused.code != 4 || !strings.Contains(refused.said, "network-vpc") {
		t.Errorf("berth up ended with %d: %s\nwant 4 and the network named", refused.code, refused.said)
	}
	after := of(d.in(first).rds.DescribeDBInstances(t.Context(), nil))(t)
	if b, a := len(before.DBInstances), len(after.DBInstances); b != 1 || a != 1 || *after.DBInstances[0].DbiResourceId != *before.DBInstances[0].DbiResourceId {
		t.Errorf("%d databases before the refusal and %d after it, want the same one", b, a)
	}
	// A release, and a client who may ask more often, are new versions of the launch template, and of nothing that holds
	// data. Starting the machines' replacement is beyond moto, so that this is previewed only.
	d.edit(t, settings{"network.cidr": "10.20.0.0/16", "service.release.version": "1.1.0", "edge.rateLimit.requests": 900})
	defer d.edit(t, settings{"service.release.version": "1.0.0", "edge.rateLimit.requests": 600})
	release := d.run(t, "preview")
	for _, want := range []string{
		"update aws:ec2/launchTemplate:LaunchTemplate machines-template", "update aws:autoscaling/group:Group machines-group",
		"update aws:ssm/parameter:Parameter configuration-release", "update aws:wafv2/webAcl:WebAcl firewall-acl",
		"update cloudflare:index/ruleset:Ruleset edge-rate-limits",
	} {
		if !slices.Contains(release.changes(), want) {
			t.Errorf("the preview of a release has no %q: %q", want, release.changes())
		}
	}
	if len(release.Dangers) > 0 {
		text, err := json.Marshal(release.Dangers)
		t.Errorf("the preview of a release has dangers: %s %v", text, err)
	}
}
