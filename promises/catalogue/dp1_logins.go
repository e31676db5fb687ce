package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// How DP-1 reads logins: of databases, of caches, and of what the service is told.

const fixDatabase = "components/database makes the client's database so"

// databases have an administrator that nobody knows the password of, and people and machines sign in by IAM.
func (t tenancy) databases() {
	const managed = "true: AWS makes and renews the administrator's password, nobody chooses or sees it"
	t.r.Must(sources(t.g), "database instance", "a database of the client's own", fixDatabase)
	for _, db := range t.g.OfType(typeDatabase) {
		if db.Has("replicateSourceDb") {
			t.r.Want(db, db.Ref("replicateSourceDb", typeDatabase) != nil, "replicateSourceDb", "the client's own database", fixDatabase)
		} else {
			t.r.Want(db, db.Bool("manageMasterUserPassword") && !db.Has("password"), "manageMasterUserPassword", managed, fixDatabase)
			t.r.Want(db, db.Ref("masterUserSecretKmsKeyId", typeKey) != nil, "masterUserSecretKmsKeyId",
				"a key of the client's own, for the administrator's password", "pass Keys.Secrets to components/database")
		}
		t.r.Want(db, db.Bool("iamDatabaseAuthenticationEnabled"), "iamDatabaseAuthenticationEnabled",
			"true: the service signs in with its own role and a token that lasts minutes", fixDatabase)
	}
	for _, group := range t.g.OfType("aws:rds/parameterGroup:ParameterGroup") {
		t.databaseSettings(group)
	}
	if t.client.Documents != nil {
		t.r.Must(t.g.OfType(typeDocuments), "document cluster", "a document cluster of the client's own", "components/documents makes it")
	}
	for _, cluster := range t.g.OfType(typeDocuments) {
		t.r.Want(cluster, cluster.Bool("manageMasterUserPassword") && !cluster.Has("masterPassword"), "manageMasterUserPassword", managed,
			"components/documents makes the client's cluster so")
		t.r.Want(cluster, !cluster.Has("globalClusterIdentifier"), "globalClusterIdentifier", "none: the cluster belongs to no cluster of others", "remove it")
	}
}

// databaseSettings keep passwords unreadable, files out of the database's reach, and the client's data out of logs.
func (t tenancy) databaseSettings(group *graph.Resource) {
	const unlogged = ": no values of the client's data in the log"
	wanted := []struct{ name, value, why string }{
		{"general_log", "0", unlogged}, {"local_infile", "0", ": no files are read into the database"},
	}
	if strings.HasPrefix(group.Text("family"), "postgres") {
		wanted = []struct{ name, value, why string }{
			{"password_encryption", "scram-sha-256", ": passwords are kept as salted hashes"},
			{"rds.accepted_password_auth_method", "scram", ": no older way to sign in"},
			{"log_parameter_max_length", "0", unlogged}, {"log_parameter_max_length_on_error", "0", unlogged}, {"pgaudit.log_parameter", "0", unlogged},
		}
	}
	for _, one := range wanted {
		value := setTo(group, one.name)
		t.r.Say(group, value == one.value, one.name+" is "+orUnset(value), one.name+" is "+one.value+one.why, "components/database, engine.go, sets it")
	}
}

// caches let in one user besides none at all.
func (t tenancy) caches() {
	const fix = "components/cache makes the users so"
	if t.client.Cache != nil {
		t.r.Must(t.g.OfType(typeCache), "cache", "a cache of the client's own", "components/cache makes it")
	}
	for _, shared := range t.g.OfType("aws:elasticache/cluster:Cluster", "aws:elasticache/serverlessCache:ServerlessCache") {
		t.r.Say(shared, false, "a cache without users of its own", "a replication group with users", "use components/cache")
	}
	for _, cache := range t.g.OfType(typeCache) {
		groups := cache.Refs("userGroupIds", typeCacheUsers)
		t.r.Want(cache, len(groups) == 1 && len(cache.Texts("userGroupIds")) == 1, "userGroupIds", "the client's own group of users and no other", fix)
		t.r.Want(cache, !cache.Has("authToken"), "authToken", "none: users sign in by IAM, there is no shared password", fix)
		for _, group := range groups {
			users := group.Refs("userIds", typeCacheUser)
			t.r.Want(group, len(users) > 0 && len(users) == len(group.Texts("userIds")), "userIds", "users of the client's own stack", fix)
			nobody := slices.IndexFunc(users, func(u *graph.Resource) bool { return u.Text("userName") == "default" })
			t.r.Say(group, nobody >= 0, "users "+namesOf(users), "a user named default, which takes the place of the one that needs no password", fix)
			for _, user := range users {
				t.cacheUser(user, fix)
			}
		}
	}
}

func (t tenancy) cacheUser(user *graph.Resource, fix string) {
	may := strings.Fields(user.Text("accessString"))
	if user.Text("userName") == "default" {
		granted := slices.ContainsFunc(may, func(word string) bool {
			return strings.HasPrefix(word, "+") || word == "on" || word == "allcommands" || word == "nopass"
		})
		t.r.Want(user, !granted && slices.Contains(may, "off") && slices.Contains(may, "-@all"), "accessString",
			"off -@all: nobody comes in without a name", fix)
		return
	}
	t.r.Want(user, user.Text("userName") == user.Text("userId"), "userName", "the user's id: IAM knows no other name", fix)
	t.r.Want(user, user.Text("authenticationMode.type") == "iam", "authenticationMode.type", "iam: no password that could be passed on", fix)
	excess := slices.ContainsFunc(may, func(word string) bool {
		return slices.Contains([]string{"allcommands", "+@all", "+@admin", "+@dangerous", "nopass"}, word)
	})
	barred := !slices.ContainsFunc([]string{"-@all", "-@admin", "-@dangerous"}, func(word string) bool { return !slices.Contains(may, word) })
	t.r.Want(user, barred && !excess, "accessString", "everything barred first, and administration and dangerous commands barred for good", fix)
}

// secrets answer to the client's account only.
func (t tenancy) secrets() {
	const fix = "add a secret policy like that of components/configuration"
	path := fmt.Sprintf("/berth/%s/%s/", t.client.Client.Name, t.client.Environment)
	for _, parameter := range t.r.Must(t.g.OfType(typeParameter), "parameter", "settings of the client's own", "components/configuration makes them") {
		t.r.Want(parameter, strings.HasPrefix(parameter.Text("name"), path), "name", "below the client's own path "+path, "components/configuration names it so")
	}
	for _, secret := range t.r.Must(t.g.OfType(typeSecret), "secret", "a secret of the client's own", "components/configuration makes it") {
		const expected = "a policy that refuses every other account, and a value"
		values := slices.DeleteFunc(secret.Referrers("secretId", typeSecretVersion), func(v *graph.Resource) bool { return !v.Has("secretString") })
		policies := secret.Referrers("secretArn", typeSecretPolicy)
		t.r.Say(secret, len(policies) == 1 && len(values) > 0, fmt.Sprintf("policies: %d, values: %d", len(policies), len(values)), expected, fix)
	}
	for _, holder := range t.g.OfType(typeSecretPolicy) {
		t.r.Want(holder, holder.Ref("secretArn", typeSecret) != nil, "secretArn", "a secret of the client's own stack", fix)
		t.r.Want(holder, holder.Bool("blockPublicPolicy"), "blockPublicPolicy", "true: a policy that opens the secret to all is refused", fix)
		document, ok := t.document(holder, "policy")
		if !ok {
			continue
		}
		closed := false
		for _, st := range document.Denies() {
			values, limited := st.Condition("StringNotEquals", "aws:PrincipalAccount")
			rest := slices.DeleteFunc(slices.Clone(st.Conditions), func(c condition) bool {
				return strings.EqualFold(c.Key, "aws:PrincipalAccount") || strings.EqualFold(c.Key, "aws:PrincipalIsAWSService") && c.Operator == "Bool" && slices.Equal(c.Values, []string{"false"})
			})
			closed = closed || st.Everyone() && st.Covers("secretsmanager:GetSecretValue") && limited && slices.Equal(values, []string{t.account}) &&
				len(rest) == 0 && slices.Contains(st.Resources, "*")
		}
		t.r.Say(holder, closed, map[bool]string{true: "every other account is refused", false: "other accounts are not refused"}[closed],
			"whoever is not of account "+t.account+" is refused", fix)
	}
}

// logins of the service's machines: one database user, on the client's own database.
func (t tenancy) logins() {
	const expected = "one login by IAM to each of the client's databases, as a user that is not its administrator"
	const fix = "components/compute, permissions.go, gives the machines their login"
	for _, role := range t.machineRoles() {
		var connects []string
		for _, holder := range role.Referrers("role", typeRolePolicy) {
			document, ok := t.document(holder, "policy")
			if !ok {
				continue
			}
			for _, st := range document.Allows() {
				if st.Covers("rds-db:connect") {
					connects = append(connects, st.Resources...)
				}
			}
		}
		missing := false
		for _, db := range sources(t.g) {
			own := slices.ContainsFunc(connects, func(arn string) bool { return strings.Contains(arn, ":dbuser:"+answered(db, "resourceId")+"/") })
			missing = missing || !own
		}
		t.r.Say(role, !missing && len(connects) == len(sources(t.g)), "logins "+strings.Join(connects, ", "), expected, fix)
	}
}

// machineRoles are the roles that the service's machines carry.
func (t tenancy) machineRoles() []*graph.Resource {
	const profileType = "aws:iam/instanceProfile:InstanceProfile"
	var roles []*graph.Resource
	for _, fleet := range serviceFleets(t.g) {
		template := fleet.Ref("launchTemplate.id", typeTemplate)
		if template == nil {
			continue
		}
		if profile := template.Ref("iamInstanceProfile.arn", profileType); profile != nil {
			if role := profile.Ref("role", typeRole); role != nil {
				roles = append(roles, role)
			}
		}
	}
	return t.r.Must(roles, "role of the service's machines", "machines with a role of the client's own", "components/compute, identity.go, makes it")
}

// configuration is what the service is told when it boots: it leads to the client's own databases and buckets.
func (t tenancy) configuration() {
	const fix = "stacks/awsclient, service.go, tells the service where its data is"
	leadsTo := func(output string, types ...string) func(value string) bool {
		return func(value string) bool {
			return slices.ContainsFunc(t.g.OfType(types...), func(one *graph.Resource) bool { return value != "" && answered(one, output) == value })
		}
	}
	for _, told := range []struct {
		key, what string
		given     bool // whether the spec has it
		right     func(value string) bool
	}{
		{"client", "the client's name", true, func(value string) bool { return value == t.client.Client.Name }},
		{"hostname", "the client's own address", true, func(value string) bool { return value == t.client.Edge.Hostname }},
		{"database-host", "the client's own database", true, leadsTo("address", typeDatabase)},
		{"database-name", "the client's own database", true, leadsTo("dbName", typeDatabase)},
		{"database-user", "the user that the machines' role may sign in as", true, t.mayLogin},
		{"database-master-secret-arn", "the secret of the database's own administrator", true, t.masterSecret},
		{"documents-host", "the client's own document cluster", t.client.Documents != nil, leadsTo("endpoint", typeDocuments)},
		{"documents-master-secret-arn", "the secret of the cluster's own administrator", t.client.Documents != nil, t.masterSecret},
		{"cache-host", "the client's own cache", t.client.Cache != nil, leadsTo("primaryEndpointAddress", typeCache)},
		{"cache-user", "a user of the client's own cache", t.client.Cache != nil, leadsTo("userId", typeCacheUser)},
		{"files-bucket", "a bucket of the client's own", true, leadsTo("bucket", typeBucket)},
		{"backup-bucket", "a bucket of the client's own", true, leadsTo("bucket", typeBucket)},
	} {
		var found []*graph.Resource
		for _, parameter := range t.g.OfType(typeParameter) {
			if parameter.Text("name") == fmt.Sprintf("/berth/%s/%s/%s", t.client.Client.Name, t.client.Environment, told.key) {
				found = append(found, parameter)
			}
		}
		if told.given {
			t.r.Must(found, "parameter "+told.key, told.what, fix)
		}
		for _, parameter := range found {
			t.r.Want(parameter, told.right(parameter.Text("insecureValue")), "insecureValue", told.what, fix)
		}
	}
}

// mayLogin tells whether the machines may sign in to the database as a user.
func (t tenancy) mayLogin(user string) bool {
	return user != "" && slices.ContainsFunc(t.g.OfType(typeRolePolicy), func(holder *graph.Resource) bool {
		document, err := policy.Parse(holder.Text("policy"))
		return err == nil && slices.ContainsFunc(document.Allows(), func(st policy.Statement) bool {
			return st.Covers("rds-db:connect") && slices.ContainsFunc(st.Resources, func(arn string) bool { return strings.HasSuffix(arn, "/"+user) })
		})
	})
}
