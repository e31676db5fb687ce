package live

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// The policies that the tests' accounts have are the stacks' own. They are taken from the state of a stack on the
// embedded cloud: berth up <stack> --local --yes, then
//
//	go test ./promises/live -run TestAccessFixture -state .berth/local/<stack>/state/.pulumi/stacks/berth/<stack>.json
var stateFile = flag.String("state", "", "take the policies of testdata/access-<stack>.json from this Pulumi state")

// accessFixture is who may do what in an account, in which buckets and with which keys.
type accessFixture struct {
	Users    []fixtureHolder
	Groups   []fixtureHolder
	Roles    []fixtureHolder
	Policies map[string]json.RawMessage // by ARN
	Buckets  []fixtureBucket
	Keys     []fixtureKey
}

type fixtureHolder struct {
	Name, ARN, Path string
	Boundary        string `json:",omitempty"`
	Groups          []string
	Inline          map[string]json.RawMessage
	Attached        []string
	Trust           json.RawMessage `json:",omitempty"`
	Session         int32           `json:",omitempty"`
	Profile         bool            `json:",omitempty"`
	Tags            map[string]string
}

type fixtureBucket struct {
	Name, Region, Key string
	LockMode          string `json:",omitempty"`
	LockDays          int32  `json:",omitempty"`
	CopyTo            string `json:",omitempty"`
	Policy            json.RawMessage
	Tags              map[string]string
}

type fixtureKey struct {
	ID, ARN, Region, Usage string
	Policy                 json.RawMessage
	Tags                   map[string]string
}

// TestAccessFixture writes a fixture anew where a state is given.
func TestAccessFixture(t *testing.T) {
	if *stateFile == "" {
		t.Skip("no state is given to take the policies from")
	}
	text, err := os.ReadFile(*stateFile)
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Checkpoint struct {
			Stack  string
			Latest struct {
				Resources []struct {
					Type, ID string
					Outputs  map[string]any
				}
			}
		}
	}
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	f := accessFixture{Policies: map[string]json.RawMessage{}}
	holders := map[string]map[string]*fixtureHolder{"user": {}, "group": {}, "role": {}}
	buckets := map[string]*fixtureBucket{}
	var order []func()
	for _, r := range state.Checkpoint.Latest.Resources {
		o := r.Outputs
		str := func(key string) string { s, _ := o[key].(string); return s }
		num := func(v any) int32 { n, _ := v.(float64); return int32(n) }
		at := func(v any, keys ...string) any {
			for _, key := range keys {
				if list, isList := v.([]any); isList {
					if len(list) == 0 {
						return nil
					}
					v = list[0]
				}
				m, _ := v.(map[string]any)
				v = m[key]
			}
			return v
		}
		tags := map[string]string{}
		if given, ok := o["tags"].(map[string]any); ok {
			for k, v := range given {
				tags[k], _ = v.(string)
			}
		}
		switch r.Type {
		case tokenUser, tokenGroup, tokenRole:
			kind := strings.ToLower(strings.TrimPrefix(r.Type[strings.LastIndex(r.Type, ":"):], ":"))
			h := &fixtureHolder{Name: str("name"), ARN: str("arn"), Path: str("path"), Boundary: str("permissionsBoundary"), Inline: map[string]json.RawMessage{}, Tags: tags}
			if kind == "role" {
				h.Trust, h.Session = json.RawMessage(str("assumeRolePolicy")), num(o["maxSessionDuration"])
			}
			if h.Path == "" {
				h.Path = "/"
			}
			holders[kind][h.Name] = h
		case tokenPolicy:
			f.Policies[str("arn")] = json.RawMessage(str("policy"))
		case "aws:iam/rolePolicy:RolePolicy":
			order = append(order, func() { holders["role"][str("role")].Inline[str("name")] = json.RawMessage(str("policy")) })
		case "aws:iam/groupPolicy:GroupPolicy":
			order = append(order, func() { holders["group"][str("group")].Inline[str("name")] = json.RawMessage(str("policy")) })
		case "aws:iam/rolePolicyAttachment:RolePolicyAttachment":
			order = append(order, func() {
				h := holders["role"][str("role")]
				h.Attached = append(h.Attached, str("policyArn"))
			})
		case "aws:iam/instanceProfile:InstanceProfile":
			order = append(order, func() { holders["role"][str("role")].Profile = true })
		case "aws:iam/userGroupMembership:UserGroupMembership":
			order = append(order, func() {
				for _, group := range o["groups"].([]any) {
					h := holders["user"][str("user")]
					h.Groups = append(h.Groups, group.(string))
				}
			})
		case s3Bucket:
			buckets[r.ID] = &fixtureBucket{Name: r.ID, Region: str("region"), Tags: tags}
		case s3Policy:
			order = append(order, func() { buckets[str("bucket")].Policy = json.RawMessage(str("policy")) })
		case s3Encryption:
			order = append(order, func() {
				buckets[str("bucket")].Key, _ = at(o["rules"], "applyServerSideEncryptionByDefault", "kmsMasterKeyId").(string)
			})
		case s3Lock:
			order = append(order, func() {
				b := buckets[str("bucket")]
				b.LockMode, _ = at(o["rule"], "defaultRetention", "mode").(string)
				b.LockDays = num(at(o["rule"], "defaultRetention", "days"))
			})
		case s3Replication:
			order = append(order, func() {
				b := buckets[str("bucket")]
				b.CopyTo, _ = at(o["rules"], "destination", "bucket").(string)
			})
		case kmsKey, "aws:kms/replicaKey:ReplicaKey":
			usage := str("keyUsage")
			if usage == "" {
				usage = "ENCRYPT_DECRYPT"
			}
			f.Keys = append(f.Keys, fixtureKey{ID: str("keyId"), ARN: str("arn"), Region: strings.Split(str("arn"), ":")[3], Usage: usage, Policy: json.RawMessage(str("policy")), Tags: tags})
		}
	}
	for _, step := range order {
		step()
	}
	sorted := func(kind string) (all []fixtureHolder) {
		for _, name := range slices.Sorted(maps.Keys(holders[kind])) {
			h := holders[kind][name]
			slices.Sort(h.Groups)
			slices.Sort(h.Attached)
			all = append(all, *h)
		}
		return all
	}
	f.Users, f.Groups, f.Roles = sorted("user"), sorted("group"), sorted("role")
	for _, name := range slices.Sorted(maps.Keys(buckets)) {
		f.Buckets = append(f.Buckets, *buckets[name])
	}
	slices.SortFunc(f.Keys, func(x, y fixtureKey) int { return strings.Compare(x.ARN, y.ARN) })
	out, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	stack := state.Checkpoint.Stack[strings.LastIndex(state.Checkpoint.Stack, "/")+1:]
	if err := os.WriteFile("testdata/access-"+stack+".json", append(out, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readAccess(t *testing.T, stack string) *accessFixture {
	t.Helper()
	text, err := os.ReadFile("testdata/access-" + stack + ".json")
	if err != nil {
		t.Fatal(err)
	}
	f := &accessFixture{}
	if err := json.Unmarshal(text, f); err != nil {
		t.Fatal(err)
	}
	return f
}

// change replaces a text in the policies of a holder, a bucket or a key; the text has to be there.
func changed(t *testing.T, in json.RawMessage, old, new string) json.RawMessage {
	t.Helper()
	var compact strings.Builder
	encoder := json.NewEncoder(&compact)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(in); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(compact.String(), old) {
		t.Fatalf("%s is not in %s", old, compact.String())
	}
	return json.RawMessage(strings.Replace(compact.String(), old, new, 1))
}

func (f *accessFixture) role(t *testing.T, name string) *fixtureHolder {
	return fixtureNamed(t, f.Roles, name)
}
func (f *accessFixture) group(t *testing.T, name string) *fixtureHolder {
	return fixtureNamed(t, f.Groups, name)
}
func (f *accessFixture) user(t *testing.T, name string) *fixtureHolder {
	return fixtureNamed(t, f.Users, name)
}

func fixtureNamed(t *testing.T, all []fixtureHolder, name string) *fixtureHolder {
	t.Helper()
	i := slices.IndexFunc(all, func(h fixtureHolder) bool { return h.Name == name })
	if i < 0 {
		t.Fatalf("the fixture has no %s", name)
	}
	return &all[i]
}

func (f *accessFixture) bucket(t *testing.T, name string) *fixtureBucket {
	t.Helper()
	i := slices.IndexFunc(f.Buckets, func(b fixtureBucket) bool { return b.Name == name })
	if i < 0 {
		t.Fatalf("the fixture has no bucket %s", name)
	}
	return &f.Buckets[i]
}

// answers are what IAM, S3 and KMS answer. Users, groups and policies come on the first page, roles on the second.
func (f *accessFixture) answers() answers {
	escaped := func(text json.RawMessage) *string { return aws.String(strings.ReplaceAll(string(text), "%", "%25")) }
	inline := func(h fixtureHolder) (all []iamtypes.PolicyDetail) {
		for name, text := range h.Inline {
			all = append(all, iamtypes.PolicyDetail{PolicyName: &name, PolicyDocument: escaped(text)})
		}
		return all
	}
	attached := func(h fixtureHolder) (all []iamtypes.AttachedPolicy) {
		for _, arn := range h.Attached {
			all = append(all, iamtypes.AttachedPolicy{PolicyArn: &arn})
		}
		return all
	}
	boundary := func(h fixtureHolder) *iamtypes.AttachedPermissionsBoundary {
		if h.Boundary == "" {
			return nil
		}
		return &iamtypes.AttachedPermissionsBoundary{PermissionsBoundaryArn: &h.Boundary}
	}
	tagsOf := func(h fixtureHolder) (all []iamtypes.Tag) {
		for k, v := range h.Tags {
			all = append(all, iamtypes.Tag{Key: &k, Value: &v})
		}
		return all
	}
	details := func(_ string, input any) (any, error) {
		out := &iam.GetAccountAuthorizationDetailsOutput{}
		if input.(*iam.GetAccountAuthorizationDetailsInput).Marker == nil {
			for _, u := range f.Users {
				out.UserDetailList = append(out.UserDetailList, iamtypes.UserDetail{UserName: &u.Name, Arn: &u.ARN, Path: &u.Path, GroupList: u.Groups, UserPolicyList: inline(u), AttachedManagedPolicies: attached(u), PermissionsBoundary: boundary(u)})
			}
			for _, g := range f.Groups {
				out.GroupDetailList = append(out.GroupDetailList, iamtypes.GroupDetail{GroupName: &g.Name, Arn: &g.ARN, Path: &g.Path, GroupPolicyList: inline(g), AttachedManagedPolicies: attached(g)})
			}
			for arn, text := range f.Policies {
				out.Policies = append(out.Policies, iamtypes.ManagedPolicyDetail{Arn: &arn, PolicyVersionList: []iamtypes.PolicyVersion{{IsDefaultVersion: true, Document: escaped(text)}}})
			}
			out.IsTruncated, out.Marker = true, aws.String("roles")
			return out, nil
		}
		for _, r := range f.Roles {
			one := iamtypes.RoleDetail{RoleName: &r.Name, Arn: &r.ARN, Path: &r.Path, RolePolicyList: inline(r), AttachedManagedPolicies: attached(r), PermissionsBoundary: boundary(r), AssumeRolePolicyDocument: escaped(r.Trust), Tags: tagsOf(r)}
			if r.Profile {
				one.InstanceProfileList = []iamtypes.InstanceProfile{{}}
			}
			out.RoleDetailList = append(out.RoleDetailList, one)
		}
		return out, nil
	}
	sessions := func(string, any) (any, error) {
		out := &iam.ListRolesOutput{}
		for _, r := range f.Roles {
			out.Roles = append(out.Roles, iamtypes.Role{RoleName: &r.Name, MaxSessionDuration: &r.Session})
		}
		return out, nil
	}
	a := answers{"IAM:GetAccountAuthorizationDetails": details, "IAM:ListRoles": sessions}
	maps.Copy(a, f.bucketAnswers())
	maps.Copy(a, f.keyAnswers())
	return a
}

func (f *accessFixture) bucketAnswers() answers {
	of := func(name *string) fixtureBucket {
		for _, b := range f.Buckets {
			if b.Name == *name {
				return b
			}
		}
		return fixtureBucket{}
	}
	return answers{
		"S3:ListBuckets": func(string, any) (any, error) {
			out := &s3.ListBucketsOutput{}
			for _, b := range f.Buckets {
				out.Buckets = append(out.Buckets, s3types.Bucket{Name: &b.Name, BucketRegion: &b.Region, CreationDate: aws.Time(now.Add(-48 * time.Hour))})
			}
			return out, nil
		},
		"S3:GetBucketPolicy": func(_ string, in any) (any, error) {
			return &s3.GetBucketPolicyOutput{Policy: aws.String(string(of(in.(*s3.GetBucketPolicyInput).Bucket).Policy))}, nil
		},
		"S3:GetBucketVersioning": &s3.GetBucketVersioningOutput{Status: s3types.BucketVersioningStatusEnabled},
		"S3:GetObjectLockConfiguration": func(_ string, in any) (any, error) {
			b := of(in.(*s3.GetObjectLockConfigurationInput).Bucket)
			return &s3.GetObjectLockConfigurationOutput{ObjectLockConfiguration: &s3types.ObjectLockConfiguration{
				Rule: &s3types.ObjectLockRule{DefaultRetention: &s3types.DefaultRetention{Mode: s3types.ObjectLockRetentionMode(b.LockMode), Days: &b.LockDays}}}}, nil
		},
		"S3:GetBucketEncryption": func(_ string, in any) (any, error) {
			b := of(in.(*s3.GetBucketEncryptionInput).Bucket)
			return &s3.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{{
				ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{KMSMasterKeyID: &b.Key, SSEAlgorithm: s3types.ServerSideEncryptionAwsKms}}}}}, nil
		},
		"S3:GetBucketReplication": func(_ string, in any) (any, error) {
			b := of(in.(*s3.GetBucketReplicationInput).Bucket)
			out := &s3.GetBucketReplicationOutput{ReplicationConfiguration: &s3types.ReplicationConfiguration{}}
			if b.CopyTo != "" {
				out.ReplicationConfiguration.Rules = []s3types.ReplicationRule{{Status: s3types.ReplicationRuleStatusEnabled, Destination: &s3types.Destination{Bucket: &b.CopyTo}}}
			}
			return out, nil
		},
	}
}

func (f *accessFixture) keyAnswers() answers {
	of := func(region string, id *string) fixtureKey {
		for _, k := range f.Keys {
			if k.Region == region && (k.ID == *id || k.ARN == *id) {
				return k
			}
		}
		return fixtureKey{}
	}
	return answers{
		"KMS:ListKeys": func(region string, _ any) (any, error) {
			out := &kms.ListKeysOutput{}
			for _, k := range f.Keys {
				if k.Region == region {
					out.Keys = append(out.Keys, kmstypes.KeyListEntry{KeyId: &k.ID, KeyArn: &k.ARN})
				}
			}
			return out, nil
		},
		"KMS:DescribeKey": func(region string, in any) (any, error) {
			k := of(region, in.(*kms.DescribeKeyInput).KeyId)
			return &kms.DescribeKeyOutput{KeyMetadata: &kmstypes.KeyMetadata{KeyId: &k.ID, Arn: &k.ARN, KeyManager: kmstypes.KeyManagerTypeCustomer, KeyState: kmstypes.KeyStateEnabled, KeyUsage: kmstypes.KeyUsageType(k.Usage)}}, nil
		},
		"KMS:ListResourceTags": &kms.ListResourceTagsOutput{},
		"KMS:GetKeyPolicy": func(region string, in any) (any, error) {
			return &kms.GetKeyPolicyOutput{Policy: aws.String(string(of(region, in.(*kms.GetKeyPolicyInput).KeyId).Policy))}, nil
		},
		"KMS:ListGrants": &kms.ListGrantsOutput{},
	}
}
