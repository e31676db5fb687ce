package reference_test

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/localcloud"
	"github.com/berth-iac/berth/localcloud/catalogue"
)

// ownTags says how types are tagged that take no map of tags.
var ownTags = map[string]string{
	"aws:autoscaling/group:Group": "a list, each with propagateAtLaunch",
}

// wantTags wants everything that can be tagged to say whose it is and what it holds, as the cloud itself has it.
func wantTags(t *testing.T, objects map[string]localcloud.Object) {
	t.Helper()
	types, tagged := catalogue.Embedded(), 0
	for _, o := range objects {
		kind, _, err := types.Type(o.Type)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(o.Type, "aws:") || kind.Property("tags") == nil || ownTags[o.Type] != "" {
			continue
		}
		tagged++
		tags, _ := o.Properties["tags"].(map[string]any)
		for _, key := range []string{"client", "environment", "stack", "managed-by", "data-class"} {
			if text, _ := tags[key].(string); text == "" {
				t.Errorf("%s %s has no tag %s: %v", o.Type, o.URN[strings.LastIndex(o.URN, ":")+1:], key, tags)
			}
		}
	}
	if tagged == 0 {
		t.Error("nothing that can be tagged was found")
	}
}
