package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/berth-iac/berth/promises/policy"
)

const (
	cacheUserType = "aws:elasticache/user:User"
	topicPolicy   = "aws:sns/topicPolicy:TopicPolicy"
	secretPolicy  = "aws:secretsmanager/secretPolicy:SecretPolicy"
)

// ownData is the look at DP-1.
func ownData(ctx context.Context, l *look) error {
	errs := []error{l.wantThere(ctx), logins(ctx, l), cacheLogins(ctx, l)}
	for _, region := range l.regions() {
		errs = append(errs, marks(ctx, l, region), guards(ctx, l, region), sharedCopies(ctx, l, region), ties(ctx, l, region))
	}
	return errors.Join(errs...)
}

// dataHolder is something that holds data, with its tags.
type dataHolder struct {
	object
	tags map[string]string
}

// dataHolders are what holds data in a region: databases, clusters, caches, buckets and secrets. What AWS's services make for
// themselves, such as the secret of a database's administrator, is their owner's and not among them.
func (a *account) dataHolders(ctx context.Context, region string) ([]dataHolder, error) {
	return once(a, []string{"what holds data in", region}, func() ([]dataHolder, error) {
		var all []dataHolder
		instances, err := a.dbInstances(ctx, region)
		if err != nil {
			return nil, err
		}
		for _, db := range instances {
			if !trial(db) {
				all = append(all, dataHolder{dbObject(db), rdsTags(db.TagList)})
			}
		}
		clusters, err := a.dbClusters(ctx, region)
		if err != nil {
			return nil, err
		}
		for _, c := range clusters {
			all = append(all, dataHolder{clusterObject(c), rdsTags(c.TagList)})
		}
		groups, err := a.caches(ctx, region)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			tags, err := a.cacheTags(ctx, region, aws.ToString(g.ARN))
			if err != nil {
				return nil, err
			}
			all = append(all, dataHolder{object{cacheType, aws.ToString(g.ARN)}, tags})
		}
		buckets, err := a.buckets(ctx, region)
		if err != nil {
			return nil, err
		}
		for _, b := range buckets {
			all = append(all, dataHolder{b.of(s3Bucket), b.tags})
		}
		secrets, err := a.secrets(ctx, region)
		if err != nil {
			return nil, err
		}
		for _, s := range secrets {
			if aws.ToString(s.OwningService) == "" && !strings.HasPrefix(aws.ToString(s.Name), "rds!") {
				all = append(all, dataHolder{s.object(), s.tags})
			}
		}
		return all, nil
	})
}

// marks reports whether everything that holds data is marked as this client's.
func marks(ctx context.Context, l *look, region string) error {
	all, err := l.dataHolders(ctx, region)
	name := l.subject.Client().Client.Name
	for _, h := range all {
		l.want(h.object, h.tags["client"] == name, "tags.client", orAbsent(h.tags["client"]), name+": the account holds one client's data", "move what is not this client's out of the account, and make what is with the stack")
	}
	return err
}

// logins reports how people and machines sign in to databases: by IAM, and nobody knows the administrator's password.
func logins(ctx context.Context, l *look) error {
	instances, err := l.dbInstances(ctx, l.home)
	if err != nil {
		return err
	}
	for _, db := range instances {
		if trial(db) || aws.ToString(db.DBClusterIdentifier) != "" {
			continue
		}
		o := dbObject(db)
		l.want(o, aws.ToBool(db.IAMDatabaseAuthenticationEnabled), "iamDatabaseAuthenticationEnabled", aws.ToBool(db.IAMDatabaseAuthenticationEnabled),
			"true: the service signs in with its own role and a token that lasts minutes", fixByUpdate)
		if aws.ToString(db.ReadReplicaSourceDBInstanceIdentifier) != "" {
			continue // its administrator is the source's
		}
		l.want(o, db.MasterUserSecret != nil, "manageMasterUserPassword", db.MasterUserSecret != nil, "true: AWS makes and renews the administrator's password", fixByUpdate)
		if db.MasterUserSecret == nil {
			continue
		}
		status := aws.ToString(db.MasterUserSecret.SecretStatus)
		l.want(o, status != "impaired", "masterUserSecrets.0.secretStatus", orAbsent(status), "active: AWS renews the password", "see RDS's events of the database")
		if err := l.wantOwnKey(ctx, o, l.home, "masterUserSecretKmsKeyId", aws.ToString(db.MasterUserSecret.KmsKeyId)); err != nil {
			return err
		}
	}
	clusters, err := l.dbClusters(ctx, l.home)
	for _, c := range clusters {
		l.want(clusterObject(c), c.MasterUserSecret != nil, "manageMasterUserPassword", c.MasterUserSecret != nil, "true: AWS makes and renews the administrator's password", fixByUpdate)
		l.want(clusterObject(c), aws.ToString(c.GlobalClusterIdentifier) == "", "globalClusterIdentifier", orAbsent(aws.ToString(c.GlobalClusterIdentifier)), "absent: the cluster belongs to no cluster of others", "take the cluster out of it")
	}
	return err
}

// cacheLogins reports who may sign in to caches: users by IAM, and nobody without a name.
func cacheLogins(ctx context.Context, l *look) error {
	groups, err := l.caches(ctx, l.home)
	if err != nil || len(groups) == 0 {
		return err
	}
	users, err := l.cacheUsers(ctx, l.home)
	if err != nil {
		return err
	}
	for _, g := range groups {
		o := object{cacheType, aws.ToString(g.ARN)}
		l.want(o, !aws.ToBool(g.AuthTokenEnabled), "authToken", aws.ToBool(g.AuthTokenEnabled), "none: there is no shared password", fixByUpdate)
		l.want(o, len(g.UserGroupIds) == 1, "userGroupIds", g.UserGroupIds, "the client's own group of users and no other", fixByUpdate)
		if len(g.UserGroupIds) != 1 {
			continue
		}
		nobody := false
		for _, u := range users {
			if !slices.Contains(u.UserGroupIds, g.UserGroupIds[0]) {
				continue
			}
			at := object{cacheUserType, aws.ToString(u.UserId)}
			words := strings.Fields(aws.ToString(u.AccessString))
			if aws.ToString(u.UserName) == "default" {
				nobody = true
				l.want(at, slices.Contains(words, "off") && !slices.Contains(words, "on"), "accessString", "the user default is "+onOff(words), "off: nobody comes in without a name", fixByUpdate)
				continue
			}
			kind := ""
			if u.Authentication != nil {
				kind = string(u.Authentication.Type)
			}
			l.want(at, kind == "iam", "authenticationMode.type", orAbsent(kind), "iam: no password that could be passed on", fixByUpdate)
		}
		l.want(o, nobody, "", map[bool]string{true: "a user default takes that name", false: "no user default of its own"}[nobody], "a user default, which takes the place of the one that needs no password", fixByUpdate)
	}
	return nil
}

func onOff(words []string) string {
	if slices.Contains(words, "on") {
		return "on"
	}
	return "off"
}

// guards reports whether policies of buckets, keys, vaults, secrets and topics, and grants on keys, let in the client's account
// only, and services that act for it.
func guards(ctx context.Context, l *look, region string) error {
	return errors.Join(bucketGuards(ctx, l, region), keyGuards(ctx, l, region), otherGuards(ctx, l, region))
}

func bucketGuards(ctx context.Context, l *look, region string) error {
	buckets, err := l.buckets(ctx, region)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		text, err := l.bucketPolicy(ctx, b)
		if err != nil {
			return err
		}
		if text != "" { // that there is one is DP-4's
			l.wantNoStrangers(b.of(s3Policy), text)
		}
		owner, err := l.bucketOwnership(ctx, b)
		if err != nil {
			return err
		}
		l.want(b.of(s3Ownership), owner == "BucketOwnerEnforced", "rule.objectOwnership", orAbsent(owner), "BucketOwnerEnforced: no other account can own or hand out an object", fixByUpdate)
		config, err := l.bucketReplication(ctx, b)
		if err != nil {
			return err
		}
		if config == nil {
			continue
		}
		mine, err := l.allBuckets(ctx)
		if err != nil {
			return err
		}
		for i, rule := range config.Rules {
			to := ""
			if rule.Destination != nil {
				to = aws.ToString(rule.Destination.Bucket)
			}
			own := slices.ContainsFunc(mine, func(other bucket) bool { return other.arn() == to }) && (rule.Destination.Account == nil || *rule.Destination.Account == l.number)
			l.want(b.of(s3Replication), own, fmt.Sprintf("rules.%d.destination.bucket", i), orAbsent(to), "a bucket of the client's own account", fixByUpdate)
		}
	}
	return nil
}

func keyGuards(ctx context.Context, l *look, region string) error {
	keys, err := l.keys(ctx, region)
	for _, k := range keys {
		if !k.customers() || k.DeletionDate != nil {
			continue
		}
		l.wantNoStrangers(k.object(), k.policy)
		var to []string
		for _, g := range k.grants {
			who := aws.ToString(g.GranteePrincipal)
			if !strings.HasSuffix(who, ".amazonaws.com") && accountOf(who) != l.number {
				to = append(to, who)
			}
		}
		l.want(k.object(), len(to) == 0, "", fmt.Sprintf("%d grants, to others: %s", len(k.grants), orNone(to)), "grants to the client's own account and AWS's services only", "retire the grant")
	}
	return err
}

func otherGuards(ctx context.Context, l *look, region string) error {
	secrets, err := l.secrets(ctx, region)
	if err != nil {
		return err
	}
	for _, s := range secrets {
		o := object{secretPolicy, aws.ToString(s.ARN)}
		if s.policy != "" {
			l.wantNoStrangers(o, s.policy)
		}
		if l.ours(s.tags) {
			l.wantOthersRefused(o, s.policy)
		}
	}
	topics, err := l.topics(ctx, region)
	if err != nil {
		return err
	}
	for _, t := range topics {
		l.wantNoStrangers(object{topicPolicy, t.arn}, t.attributes["Policy"])
	}
	vaults, err := l.vaults(ctx, region)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(vaults)) {
		text, err := l.vaultPolicy(ctx, region, name)
		if err != nil {
			return err
		}
		if text != "" { // that there is one is BK-5's
			l.wantNoStrangers(vault{vaults[name], region}.of(backupVaultPolicy), text)
		}
	}
	return nil
}

// wantOthersRefused reports whether a secret's policy refuses whoever is not of the client's account.
func (l *look) wantOthersRefused(o object, text string) {
	document, readable := l.readPolicy(o, text)
	if !readable {
		return
	}
	closed := slices.ContainsFunc(document.Denies(), func(st policy.Statement) bool {
		values, limited := st.Condition("StringNotEquals", "aws:PrincipalAccount")
		rest := slices.DeleteFunc(slices.Clone(st.Conditions), func(c policy.Condition) bool {
			return strings.EqualFold(c.Key, "aws:PrincipalAccount") || strings.EqualFold(c.Key, "aws:PrincipalIsAWSService") && slices.Equal(c.Values, []string{"false"})
		})
		return st.Everyone() && st.Covers("secretsmanager:GetSecretValue") && limited && slices.Equal(values, []string{l.number}) && len(rest) == 0
	})
	l.want(o, closed, "policy", map[bool]string{true: "every other account is refused", false: "other accounts are not refused"}[closed], "whoever is not of account "+l.number+" is refused", fixByUpdate)
}

// sharedCopies reports snapshots and images that others may read.
func sharedCopies(ctx context.Context, l *look, region string) error {
	snapshots, err := l.snapshotShares(ctx, region)
	if err != nil {
		return err
	}
	for _, s := range snapshots {
		l.want(s.object, len(s.with) == 0, "sharedAccounts", orNone(s.with), "nobody", "take the shares of the snapshot back")
	}
	disks, err := l.ownDisks(ctx, region)
	if err != nil {
		return err
	}
	for _, s := range disks {
		with, err := l.diskSnapshotShares(ctx, region, aws.ToString(s.SnapshotId))
		if err != nil {
			return err
		}
		l.want(object{ebsSnapshot, aws.ToString(s.SnapshotId)}, len(with) == 0, "", "shared with: "+orNone(with), "shared with nobody", "take the shares of the snapshot back")
	}
	images, err := l.ownImages(ctx, region)
	if err != nil {
		return err
	}
	for _, i := range images {
		with, err := l.imageShares(ctx, region, aws.ToString(i.ImageId))
		if err != nil {
			return err
		}
		l.want(object{ec2Image, aws.ToString(i.ImageId)}, len(with) == 0, "", "shared with: "+orNone(with), "shared with nobody", "take the shares of the image back")
	}
	return nil
}

// ties of the client's network to others: there are none.
func ties(ctx context.Context, l *look, region string) error {
	const expected, fix = "no tie to other networks or accounts", "remove what ties the network to others"
	peerings, err := l.peerings(ctx, region)
	if err != nil {
		return err
	}
	for _, p := range peerings {
		l.want(object{ec2Peering, aws.ToString(p.VpcPeeringConnectionId)}, false, "", "a peering of networks", expected, fix)
	}
	transits, err := l.transits(ctx, region)
	if err != nil {
		return err
	}
	for _, t := range transits {
		l.want(object{ec2Transit, aws.ToString(t.TransitGatewayAttachmentId)}, false, "", "a transit gateway of account "+aws.ToString(t.VpcOwnerId), expected, fix)
	}
	vpns, err := l.vpns(ctx, region)
	if err != nil {
		return err
	}
	for _, v := range vpns {
		l.want(object{ec2VPN, aws.ToString(v.VpnConnectionId)}, false, "", "a VPN connection", expected, fix)
	}
	offered, err := l.offered(ctx, region)
	if err != nil {
		return err
	}
	for _, s := range offered {
		l.want(object{ec2EndpointService, aws.ToString(s.ServiceId)}, false, "", "an endpoint service, by which others reach the network", expected, fix)
	}
	subnets, err := l.subnets(ctx, region)
	for _, s := range subnets {
		if s.OwnerId != nil && *s.OwnerId != l.number {
			l.want(object{subnetType, aws.ToString(s.SubnetId)}, false, "", "a subnet that account "+*s.OwnerId+" shares", expected, fix)
		}
	}
	return err
}
