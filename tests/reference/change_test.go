package reference_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
)

// A change of the stack's file changes what it should, and nothing else.
func TestChangePreviews(t *testing.T) {
	began := time.Now()
	root, _, _ := upRoot(t)
	for _, c := range []struct {
		name     string
		settings settings
		want     []string // "op type name"
		dangers  []string // names
	}{
		{
			name:     "a larger instance class changes the database in place",
			settings: settings{"database.instanceClass": "db.r6g.xlarge"},
			want:     []string{"update aws:rds/instance:Instance database-instance"},
		},
		{
			name: "AV-6 a release makes a new version of the launch template, which the group rolls out",
			settings: settings{"service.release.version": "1.1.0",
				"service.release.sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"},
			want: []string{
				"update aws:autoscaling/group:Group machines-group",
				"update aws:ec2/launchTemplate:LaunchTemplate machines-template",
				"update aws:ssm/parameter:Parameter configuration-release",
			},
		},
		{
			name:     "a new major version of the database upgrades it in place, with parameters of its own",
			settings: settings{"database.version": "17"},
			want: []string{
				"replace aws:rds/parameterGroup:ParameterGroup database-parameters",
				"update aws:rds/instance:Instance database-instance",
			},
		},
		{
			name:     "longer retention of logs touches logs only",
			settings: settings{"service.logDays": 731},
			want: []string{
				"update aws:cloudwatch/logGroup:LogGroup cache-engine-log",
				"update aws:cloudwatch/logGroup:LogGroup cache-slow-log",
				"update aws:cloudwatch/logGroup:LogGroup database-log-postgresql",
				"update aws:cloudwatch/logGroup:LogGroup database-log-upgrade",
				"update aws:cloudwatch/logGroup:LogGroup firewall-log-group",
				"update aws:cloudwatch/logGroup:LogGroup machines-boot-log-group",
				"update aws:cloudwatch/logGroup:LogGroup machines-service-log-group",
				"update aws:cloudwatch/logGroup:LogGroup machines-system-log-group",
				"update aws:cloudwatch/logGroup:LogGroup trail-logs",
				"update aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2 access-logs-lifecycle",
				"update aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2 load-balancer-logs-lifecycle",
				"update aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2 second-access-logs-lifecycle",
				"update aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2 trail-copy-lifecycle",
				"update aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2 trail-records-lifecycle",
				"update aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2 trail-copy-object-lock",
				"update aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2 trail-records-object-lock",
			},
		},
		{
			name:     "AV-7 one more address for alerts is subscribed in each region, and told by the edge",
			settings: settings{"alerts.emails": []string{"operations@northwind.example", "second@northwind.example"}},
			want: []string{
				"create aws:sns/topicSubscription:TopicSubscription alerting-email-2",
				"create aws:sns/topicSubscription:TopicSubscription alerting-global-email-2",
				"create aws:sns/topicSubscription:TopicSubscription alerting-second-email-2",
				"update cloudflare:index/notificationPolicy:NotificationPolicy edge-health",
			},
		},
		{
			name:     "BK-5 longer retention of backups takes the vaults' locks off for a moment, which is a danger",
			settings: settings{"backup.retentionDays": 120},
			want: []string{
				"replace aws:backup/vaultLockConfiguration:VaultLockConfiguration backup-second-vault-lock",
				"replace aws:backup/vaultLockConfiguration:VaultLockConfiguration backup-vault-lock",
				"update aws:backup/plan:Plan backup-plan",
				"update aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2 backup-bucket-lifecycle",
				"update aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2 backup-second-bucket-lifecycle",
				"update aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2 backup-bucket-object-lock",
				"update aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2 backup-second-bucket-object-lock",
			},
			dangers: []string{"backup-second-vault-lock", "backup-vault-lock"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			edit(t, root, "prod", c.settings)
			s := open(t, root, "prod")
			r := preview(t, s)
			closed(t, s)
			got := changes(r)
			for _, line := range without(c.want, got) {
				t.Errorf("missing: %s", line)
			}
			for _, line := range without(got, c.want) {
				t.Errorf("not expected: %s", line)
			}
			if names := engine.Names(r.Dangers); !slices.Equal(names, c.dangers) {
				t.Errorf("dangers = %q, want %q", names, c.dangers)
			}
		})
	}
	t.Logf("took %s", time.Since(began).Round(time.Millisecond))
}

// A database cannot follow into another network. Such a change is refused before anything is done.
func TestAnotherNetworkIsRefused(t *testing.T) {
	root, _, _ := upRoot(t)
	edit(t, root, "prod", settings{"network.cidr": "10.30.0.0/16"})
	before := look(t, root, "prod")
	s := open(t, root, "prod")
	planned := preview(t, s)
	if got := changes(planned); !slices.Contains(got, "replace aws:ec2/vpc:Vpc network-vpc") {
		t.Errorf("changes = %q, want the network replaced", got)
	}
	result, err := s.Up(t.Context(), engine.ChangeOptions{Reviewed: planned})
	var refused *engine.RefusedError
	if !errors.As(err, &refused) {
		if result != nil {
			t.Logf("outcome %s, counts %v", result.Outcome, result.Counts)
		}
		t.Fatalf("err = %v, want a refusal: the database's network would be replaced under it", err)
	}
	if !slices.Contains(engine.Names(refused.Dangers), "network-vpc") {
		t.Errorf("dangers = %q, want network-vpc among them", engine.Names(refused.Dangers))
	}
	after := wantAgreement(t, root, "prod")
	if !slices.Equal(before.objects, after.objects) || !slices.Equal(before.resources, after.resources) {
		t.Error("the refused change changed something")
	}
}

// Changes that are made are done: the cloud agrees with the state, and nothing is left to do.
func TestChangesAreMade(t *testing.T) {
	began := time.Now()
	made := func(t *testing.T, root string, changes settings, confirm ...string) world {
		t.Helper()
		edit(t, root, "prod", changes)
		s := open(t, root, "prod")
		defer closed(t, s)
		r, err := s.Up(t.Context(), engine.ChangeOptions{Confirm: confirm})
		done(t, r, err)
		wantNoChanges(t, refresh(t, s))
		wantNoChanges(t, preview(t, s))
		return wantAgreement(t, root, "prod")
	}
	t.Run("AV-6 a release replaces nothing", func(t *testing.T) {
		root, _, _ := upRoot(t)
		before := wantAgreement(t, root, "prod")
		w := made(t, root, settings{"service.release.version": "1.1.0"})
		if !slices.Equal(w.objects, before.objects) {
			t.Error("a release replaced something")
		}
	})
	t.Run("BK-5 longer retention of backups, with its dangers confirmed, leaves the vaults locked", func(t *testing.T) {
		root, _, _ := upRoot(t)
		made(t, root, settings{"backup.retentionDays": 120}, "backup-vault-lock", "backup-second-vault-lock")
	})
	t.Run("DP-5 access for BI tools, opened and closed again, leaves nothing", func(t *testing.T) {
		root, _, _ := upRoot(t)
		before := wantAgreement(t, root, "prod")
		opened := made(t, root, settings{"access.bi": bi})
		if len(opened.objects) <= len(before.objects) {
			t.Error("opening made nothing")
		}
		after := made(t, root, nil, "bi-access-credentials", "bi-access-log",
			"database-replica", "database-replica-log-postgresql", "database-replica-log-upgrade")
		for _, line := range without(after.objects, before.objects) {
			t.Errorf("the closed door left: %s", line)
		}
		for _, line := range without(before.objects, after.objects) {
			t.Errorf("closing the door took away: %s", line)
		}
	})
	t.Logf("took %s", time.Since(began).Round(time.Millisecond))
}
