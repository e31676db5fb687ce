package reference_test

import (
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
)

// A cloud that throttles and dawdles delays a stack, and does no more.
func TestSlowCloud(t *testing.T) {
	t.Parallel()
	began := time.Now()
	root := newRoot(t)
	edit(t, root, "prod", minimal)
	s := open(t, root, "prod", faults(t,
		"create:aws:iam/*:throttle=3", "create:aws:cloudwatch/metricAlarm:MetricAlarm:throttle=4",
		"create:aws:rds/instance:Instance:delay=3s", "create:aws:ec2/natGateway:NatGateway:delay=2s",
		"delete:aws:ec2/*:throttle=2", "read:aws:s3/*:throttle=1", "invoke:*:throttle=2",
	), func(o *engine.Options) { o.Cloud.Delay = 20 * time.Millisecond })
	r := up(t, s)
	for _, step := range r.Steps {
		if step.Type == "aws:rds/instance:Instance" && step.DurationSeconds < 3 {
			t.Errorf("the database took %.1f s, want the 3 s that it was delayed", step.DurationSeconds)
		}
	}
	wantAgreement(t, root, "prod")
	wantNoChanges(t, preview(t, s))
	wantNoChanges(t, refresh(t, s))
	destroy(t, s, nil)
	wantNothing(t, root, "prod")
	t.Logf("took %s", time.Since(began).Round(time.Millisecond))
}
