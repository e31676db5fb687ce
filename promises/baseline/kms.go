package baseline

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

const inKey = "components/key"

// keys are all keys of a stack.
func keys(s promises.Subject) []*graph.Resource { return s.Graph.OfType(keyType, replicaType) }

// everyKey tells whether a resource of a policy stands for all keys of an account or region.
func everyKey(resource string) bool {
	return policy.Matches(resource, "arn:aws:kms:eu-west-2:111111111111:key/00000000-0000-0000-0000-000000000000") ||
		strings.HasPrefix(resource, "arn:aws:kms:") && strings.HasSuffix(resource, ":key/*")
}

// decryptsAnything tells whether a policy lets its holder decrypt with every key.
func decryptsAnything(d policy.Document) bool {
	return slices.ContainsFunc(d.Allows(), func(st policy.Statement) bool {
		return (st.Covers("kms:Decrypt") || st.Covers("kms:ReEncryptFrom")) && (len(st.NotResources) > 0 || slices.ContainsFunc(st.Resources, everyKey))
	})
}

// wantNamedKeys judges policies of the types.
func wantNamedKeys(types ...string) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		for _, p := range s.Graph.OfType(types...) {
			if isBoundary(p) {
				continue // it allows nothing by itself
			}
			d, readable := document(p, "policy")
			r.Want(p, readable && !decryptsAnything(d), "policy", "kms:Decrypt on named keys only", "name the keys in the statement's resources")
		}
	}
}

// KMS1 is decryption by managed policies.
func (baseline) KMS1() promises.Control {
	return promises.Control{
		ID: "KMS.1", Title: "Managed policies allow decryption with named keys only", Severity: "medium",
		References: []string{fsbp("KMS.1")},
		Check:      wantNamedKeys(managedPolicyType),
	}
}

// KMS2 is decryption by inline policies.
func (baseline) KMS2() promises.Control {
	return promises.Control{
		ID: "KMS.2", Title: "Inline policies allow decryption with named keys only", Severity: "medium",
		References: []string{fsbp("KMS.2")},
		Check:      wantNamedKeys(inlinePolicyTypes...),
	}
}

// KMS3 is time to notice that a key is deleted.
func (baseline) KMS3() promises.Control {
	return promises.Control{
		ID: "KMS.3", Title: "Keys are in use, and wait 30 days before they are deleted", Severity: "critical",
		References: []string{fsbp("KMS.3")},
		Check: func(s promises.Subject, r *promises.Report) {
			days, expected := 30.0, "30 days, the longest wait there is"
			if !s.Production() {
				days, expected = 7, "7 days or more"
			}
			for _, key := range keys(s) {
				waits := !key.Has("deletionWindowInDays") || atLeast(key, "deletionWindowInDays", days) // absent is 30
				r.Want(key, waits, "deletionWindowInDays", expected, "raise deletionWindowInDays in "+inKey)
				enabled := either(key.Type == replicaType, "enabled", "isEnabled")
				r.Want(key, on(key, enabled), enabled, "true, or absent", "take out what disables the key in "+inKey)
			}
		},
	}
}

// symmetric tells whether a key is one that KMS can rotate.
func symmetric(key *graph.Resource) bool {
	return slices.Contains([]string{"", "SYMMETRIC_DEFAULT"}, key.Text("customerMasterKeySpec")) && slices.Contains([]string{"", "ENCRYPT_DECRYPT"}, key.Text("keyUsage"))
}

// rotates tells whether a key is renewed once a year or more often.
func rotates(key *graph.Resource) bool {
	period, set := key.Number("rotationPeriodInDays")
	return key.Bool("enableKeyRotation") && (!set && !key.Has("rotationPeriodInDays") || set && period <= 365)
}

// KMS4 is rotation of keys.
func (baseline) KMS4() promises.Control {
	return promises.Control{
		ID: "KMS.4", Title: "Keys are rotated every year", Severity: "medium",
		References: []string{hub("KMS.4"), cis("3.6")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, key := range s.Graph.OfType(keyType) {
				if symmetric(key) {
					r.Want(key, rotates(key), "enableKeyRotation", "true, once a year or more often", "set enableKeyRotation in "+inKey)
				}
			}
			for _, replica := range s.Graph.OfType(replicaType) {
				primary := replica.Ref("primaryKeyArn", keyType)
				r.Want(replica, primary != nil && rotates(primary), "primaryKeyArn", "a primary key that is rotated: a replica follows it", "rotate the primary key")
			}
		},
	}
}

// KMS5 is keys that the public cannot use.
func (baseline) KMS5() promises.Control {
	return promises.Control{
		ID: "KMS.5", Title: "The public cannot use keys", Severity: "critical",
		References: []string{fsbp("KMS.5")},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, key := range keys(s) {
				wantPrivate(r, key, "policy", "name the principals in the key's policy ("+inKey+")")
			}
		},
	}
}
